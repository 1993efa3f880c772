// Command engine compiles the C++ of contralens for a libtorch, into a library that a program
// built with the tag engine loads. `make build` puts it into the program.
//
//	go run ./scripts/engine [-o FOLDER] [-embed FOLDER] [FOLDER OF LIBTORCH|auto]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"contralens/internal/libtorch"
	"contralens/torch/engine"
)

func main() {
	out := flag.String("o", "bin/engine", "folder for the library")
	embed := flag.String("embed", "", "folder of the source from which the program takes it")
	flag.Parse()
	if err := run(flag.Arg(0), *out, *embed); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(where, out, embed string) error {
	found, err := libtorch.Find(where)
	if err != nil {
		return err
	}
	e, err := engine.Build(context.Background(), found, out, engine.Steps{})
	if err != nil {
		return err
	}
	fmt.Printf("engine for %s: %s\n", e, e.Path)
	if embed == "" {
		return nil
	}
	return e.Copy(embed)
}
