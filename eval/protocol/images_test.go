package protocol_test

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// colorFolder makes a folder with train/ and val/ images of three classes, red, green
// and blue, with random noise.
func colorFolder(perClass int) (dir string) {
	dir, err := os.MkdirTemp("", "colors")
	check(err)
	for s, split := range []string{"train", "val"} {
		for class, name := range []string{"red", "green", "blue"} {
			folder := filepath.Join(dir, split, name)
			check(os.MkdirAll(folder, 0o755))
			for i := range perClass {
				r := rand.New(rand.NewPCG(uint64(1000*s+100*class+i), 1))
				img := image.NewNRGBA(image.Rect(0, 0, 16, 16))
				for p := range img.Pix {
					img.Pix[p] = uint8(60 + r.IntN(30))
					if p%4 == class {
						img.Pix[p] += 150
					}
				}
				for y := range 16 {
					for x := range 16 {
						c := img.NRGBAAt(x, y)
						img.SetNRGBA(x, y, color.NRGBA{c.R, c.G, c.B, 255})
					}
				}
				f, err := os.Create(filepath.Join(folder, fmt.Sprint(i, ".png")))
				check(err)
				check(png.Encode(f, img))
				check(f.Close())
			}
		}
	}
	return dir
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
