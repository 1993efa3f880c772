// Command unpack writes images of Fashion-MNIST as PNG files in class folders, so that
// `make figures` has a folder of pictures with names.
//
//	go run ./scripts/unpack -train 5000 -test 1000 folder
package main

import (
	"context"
	"flag"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"

	"contralens/data"
	"contralens/data/sets"
	"contralens/views"
)

func main() {
	train := flag.Int("train", 5000, "images of the training set")
	test := flag.Int("test", 1000, "images of the test set")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "unpack: want one folder to write to")
		os.Exit(2)
	}
	if err := unpack(flag.Arg(0), *train, *test); err != nil {
		fmt.Fprintln(os.Stderr, "unpack:", err)
		os.Exit(1)
	}
}

func unpack(folder string, train, test int) error {
	splits, err := sets.Open(context.Background(), sets.Options{Name: "fashion-mnist"})
	if err != nil {
		return err
	}
	for _, part := range []struct {
		name string
		set  data.Dataset
		n    int
	}{{"train", splits.Train, train}, {"val", splits.Test, test}} {
		for i := range min(part.n, part.set.Len()) {
			if err := write(filepath.Join(folder, part.name), part.set, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// write writes the i-th image of a set to the folder of its class.
func write(folder string, set data.Dataset, i int) error {
	var pixels views.Image
	if err := set.Image(context.Background(), i, &pixels); err != nil {
		return err
	}
	class := strings.ToLower(strings.NewReplacer("/", "-", " ", "-").Replace(set.Classes()[set.Label(i)]))
	folder = filepath.Join(folder, class)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	gray := image.NewGray(image.Rect(0, 0, pixels.W, pixels.H))
	for j := range gray.Pix {
		gray.Pix[j] = pixels.Pix[3*j]
	}
	f, err := os.Create(filepath.Join(folder, fmt.Sprintf("%05d.png", i)))
	if err != nil {
		return err
	}
	if err := png.Encode(f, gray); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
