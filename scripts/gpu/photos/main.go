// Command photos writes generated photos, on which contralens and PyTorch programs are compared where no
// data set is at hand:
//
//	photos FOLDER NUMBER WIDTH HEIGHT
package main

import (
	"fmt"
	"os"
	"strconv"

	"contralens/profile"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "photos:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 4 {
		return fmt.Errorf("want FOLDER NUMBER WIDTH HEIGHT, got %q", args)
	}
	var n [3]int
	for i, s := range args[1:] {
		var err error
		if n[i], err = strconv.Atoi(s); err != nil {
			return fmt.Errorf("want a number, got %q", s)
		}
	}
	_, err := profile.Photos(args[0], n[0], n[1], n[2])
	return err
}
