package look

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	xdraw "golang.org/x/image/draw"

	"contralens/data/datatest"
	"contralens/profile"
)

// scene draws a picture of smooth shapes, another one for every seed.
func scene(seed uint64, w, h int) image.Image {
	rng := rand.New(rand.NewPCG(seed, 1))
	var waves [3][4][4]float64
	for c := range waves {
		for i := range waves[c] {
			waves[c][i] = [4]float64{8 * (rng.Float64() - 0.5), 8 * (rng.Float64() - 0.5), 6.3 * rng.Float64(), 20 + 40*rng.Float64()}
		}
	}
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			var v [3]uint8
			for c := range v {
				sum := 128.0
				for _, k := range waves[c] {
					sum += k[3] * math.Sin(k[0]*float64(x)/float64(w)*3+k[1]*float64(y)/float64(h)*3+k[2])
				}
				v[c] = uint8(min(max(sum, 0), 255))
			}
			m.SetNRGBA(x, y, color.NRGBA{v[0], v[1], v[2], 255})
		}
	}
	return m
}

func resized(m image.Image, w, h int) image.Image {
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	xdraw.CatmullRom.Scale(out, out.Bounds(), m, m.Bounds(), xdraw.Src, nil)
	return out
}

func pngOf(t *testing.T, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func jpegOf(t *testing.T, m image.Image, quality int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// messy writes a folder with everything that can be found: two classes, a broken file, an
// exact copy in another class, a small copy in the validation split, an image of one color,
// and a file that is no image.
func messy(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "photos")
	for i := range 16 {
		class := []string{"cat", "dog"}[i%2]
		datatest.Put(t, dir, fmt.Sprintf("train/%s/%02d.png", class, i), pngOf(t, scene(uint64(i), 48, 40)))
		datatest.Put(t, dir, fmt.Sprintf("val/%s/%02d.png", class, i), pngOf(t, scene(uint64(100+i), 40, 48)))
	}
	datatest.Put(t, dir, "train/dog/copy.png", pngOf(t, scene(0, 48, 40)))
	datatest.Put(t, dir, "val/cat/small.jpg", jpegOf(t, resized(scene(2, 48, 40), 30, 25), 70))
	datatest.Put(t, dir, "train/cat/cut.png", pngOf(t, scene(50, 48, 40))[:300])
	datatest.Put(t, dir, "train/cat/black.png", pngOf(t, image.NewGray(image.Rect(0, 0, 40, 40))))
	datatest.Put(t, dir, "train/cat/notes.txt", []byte("not an image"))
	return dir
}

// measured is a Measure that trains nothing.
func measured(Measurement) (*profile.Result, error) {
	return &profile.Result{ImagesPerSecond: 2, PeakMB: 100, Steps: 7, Precision: "fp32", MemoryFormat: "contiguous", Threads: 3}, nil
}

// still is a clock that stands still.
func still() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) }

func lookAt(t *testing.T, folder string, o Options) *Report {
	t.Helper()
	if o.Time == 0 {
		o.Time = time.Minute
	}
	r, err := Look(context.Background(), folder, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func pageOf(t *testing.T, r *Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.WritePage(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// flat writes n images without classes.
func flat(t *testing.T, n int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "flat")
	for i := range n {
		datatest.Put(t, dir, fmt.Sprintf("%03d.png", i), pngOf(t, scene(uint64(i), 24, 24)))
	}
	return dir
}
