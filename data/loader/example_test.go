package loader_test

import (
	"context"
	"fmt"
	"io"

	"contralens/data"
	"contralens/data/datatest"
	"contralens/data/loader"
	"contralens/views"
)

// Box is what an object detector learns: a class and a place in an image.
type Box struct {
	Class          int
	X0, Y0, X1, Y1 float32 // in pixels
}

// Scene is an image with its boxes, a sample of detection.
type Scene struct {
	Image views.Image
	Boxes []Box
}

// Scenes is a loader.Transform that makes scenes: images of any size, decoded whole,
// and half of them mirrored, with their boxes.
type Scenes struct {
	Images data.Dataset
	Boxes  func(i int) []Box
	Seed   uint64
	Epoch  int
}

func (s Scenes) Resize(batch *[]Scene, indices []int) {
	for len(*batch) < len(indices) {
		*batch = append(*batch, Scene{})
	}
	*batch = (*batch)[:len(indices)]
}

func (s Scenes) Worker() func(context.Context, *[]Scene, int, int) error {
	random := views.NewRand(0, 0, 0, 0)
	return func(ctx context.Context, batch *[]Scene, row, index int) error {
		scene := &(*batch)[row]
		if err := s.Images.Image(ctx, index, &scene.Image); err != nil {
			return err
		}
		scene.Boxes = append(scene.Boxes[:0], s.Boxes(index)...)
		if random.Reset(s.Seed, s.Epoch, index, 0); random.Float64() < 0.5 {
			scene.mirror()
		}
		return nil
	}
}

func (s *Scene) mirror() {
	m := &s.Image
	for y := range m.H {
		row := m.Pix[3*y*m.W : 3*(y+1)*m.W]
		for a, b := 0, m.W-1; a < b; a, b = a+1, b-1 {
			for c := range 3 {
				row[3*a+c], row[3*b+c] = row[3*b+c], row[3*a+c]
			}
		}
	}
	for i, b := range s.Boxes {
		s.Boxes[i].X0, s.Boxes[i].X1 = float32(m.W)-b.X1, float32(m.W)-b.X0
	}
}

// A loader of another kind of sample: an image with boxes, for detection.
func Example() {
	scenes := Scenes{
		Images: datatest.Generated{N: 5, Bad: -1}, // of 5 x 4 pixels
		Boxes:  func(i int) []Box { return []Box{{Class: i, X0: 1, X1: 2, Y1: 4}} },
		Epoch:  1,
	}
	order := loader.Epoch{Order: loader.Shuffled(5, 0, 1), Size: 2}
	l := loader.New(context.Background(), loader.Options{Sampler: order, Workers: 2}, scenes)
	defer l.Close()
	for {
		b, err := l.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		for row, s := range b.Samples {
			m := &s.Image
			fmt.Printf("image %d: %d x %d, first pixel %d, boxes %v\n", b.Indices[row], m.W, m.H, m.Pix[0], s.Boxes)
		}
		l.Recycle(b)
	}
	// Output:
	// image 3: 5 x 4, first pixel 15, boxes [{3 3 0 4 4}]
	// image 4: 5 x 4, first pixel 4, boxes [{4 1 0 2 4}]
	// image 0: 5 x 4, first pixel 0, boxes [{0 1 0 2 4}]
	// image 1: 5 x 4, first pixel 13, boxes [{1 3 0 4 4}]
	// image 2: 5 x 4, first pixel 14, boxes [{2 3 0 4 4}]
}
