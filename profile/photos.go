package profile

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

const (
	distinct = 64 // generated photos; a longer list repeats them
	quality  = 90 // of JPEG
)

// Photos writes generated JPEG photos of the given size into dir, and returns the path
// of a list of n of them, a dataset of kind "list". Waves and grain make the files
// about as long as those of real photos, because that determines the cost of decoding.
func Photos(dir string, n, width, height int) (list string, err error) {
	var lines strings.Builder
	var wait sync.WaitGroup
	failed := make([]error, min(n, distinct))
	for i := range failed {
		wait.Go(func() { failed[i] = photo(filepath.Join(dir, name(i)), uint64(i), width, height) })
	}
	for i := range n {
		fmt.Fprintln(&lines, name(i%distinct))
	}
	wait.Wait()
	for _, err := range failed {
		if err != nil {
			return "", err
		}
	}
	list = filepath.Join(dir, "train.txt")
	return list, os.WriteFile(list, []byte(lines.String()), 0o644)
}

func name(i int) string { return fmt.Sprintf("%02d.jpg", i) }

func photo(path string, seed uint64, width, height int) error {
	rng := rand.New(rand.NewPCG(seed, 0x70686f746f))
	const waves = 6
	var ax, ay, phase [3 * waves]float64
	for i := range ax {
		ax[i] = 40 * (rng.Float64() - 0.5) / float64(width)
		ay[i] = 40 * (rng.Float64() - 0.5) / float64(height)
		phase[i] = 2 * math.Pi * rng.Float64()
	}
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			grain := 14 * rng.NormFloat64()
			var channels [3]uint8
			for c := range channels {
				v := 128 + grain
				for i := c; i < len(ax); i += 3 {
					v += 30 * math.Sin(ax[i]*float64(x)+ay[i]*float64(y)+phase[i])
				}
				channels[c] = uint8(max(0, min(v, 255)))
			}
			m.SetRGBA(x, y, color.RGBA{channels[0], channels[1], channels[2], 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}
