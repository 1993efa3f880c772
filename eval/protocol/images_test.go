package protocol_test

import (
	"fmt"
	"image/color"
	"math/rand/v2"
	"os"
	"path/filepath"

	"contralens/data/datatest"
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
				pix := make([]uint8, 4*16*16)
				for p := range pix {
					pix[p] = uint8(60 + r.IntN(30))
					if p%4 == class {
						pix[p] += 150
					}
				}
				file := datatest.PNG(16, 16, func(x, y int) color.RGBA {
					p := pix[4*(16*y+x):]
					return color.RGBA{p[0], p[1], p[2], 255}
				})
				check(os.WriteFile(filepath.Join(folder, fmt.Sprint(i, ".png")), file, 0o644))
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
