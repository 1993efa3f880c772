package loader

import (
	"reflect"
	"slices"
	"testing"

	"contralens/detect"
	"contralens/detect/mask"
)

func TestTransform(t *testing.T) {
	set := &detect.Set{Images: []detect.Image{{Width: 100, Height: 50, Objects: []detect.Object{
		{Box: [4]float64{-5, 10, 20, 60}, Shape: mask.Shape{Polygons: [][]float64{{-5, 10, 20, 10, 20, 60}}}},
		{Box: [4]float64{99.9999999, 0, 100, 50}, Shape: mask.Shape{Polygons: [][]float64{{0, 0, 1, 0, 1, 1}}}},
		{Box: [4]float64{0, 0, 9, 9}, Crowd: true, Shape: mask.Shape{Polygons: [][]float64{{0, 0, 1, 0, 1, 1}}}},
		{Box: [4]float64{0, 0, 9, 9}},
		{Class: 3, Box: [4]float64{0, 0, 50, 25}, Shape: mask.Shape{RLE: mask.Encode(slices.Concat(make([]uint8, 4999), []uint8{1}), 50, 100)}},
	}}}}
	o := Options{Set: set, Train: true, Masks: true}
	s, err := o.sample(place{width: 40, height: 20, flip: true})
	if err != nil {
		t.Fatal(err)
	}
	if want := [][4]float32{{32, 4, 40, 20}, {20, 0, 40, 10}}; !reflect.DeepEqual(s.Boxes, want) || !slices.Equal(s.Classes, []int32{0, 3}) {
		t.Errorf("boxes %v of %v, want %v", s.Boxes, s.Classes, want)
	}
	if want := []float64{42, 4, 32, 4, 32, 24}; !slices.Equal(s.Shapes[0].Polygons[0], want) {
		t.Errorf("polygon %v, want %v: not cut", s.Shapes[0].Polygons[0], want)
	}
	if r := s.Shapes[1].RLE; r.Width != 40 || r.Height != 20 || r.Area() != 0 {
		t.Errorf("%+v", r) // the last pixel falls between the samples
	}
	o.Masks, o.Train = false, false
	if s, err = o.sample(place{width: 100, height: 50}); err != nil || len(s.Boxes) != 4 || s.Shapes != nil {
		t.Errorf("%v, %v", s, err)
	}
}

// These are the pixels that Pillow 9.4 takes with NEAREST: whole lists, and sums of long ones.
func TestNearest(t *testing.T) {
	for _, c := range []struct {
		in, out int
		want    []int
	}{{7, 3, []int{1, 3, 5}}, {3, 7, []int{0, 0, 1, 1, 1, 2, 2}}, {10, 4, []int{1, 3, 6, 8}}} {
		if got := nearest(c.in, c.out); !slices.Equal(got, c.want) {
			t.Errorf("%d to %d: %v, want %v", c.in, c.out, got, c.want)
		}
	}
	for _, c := range []struct {
		in, out int
		want    uint32
	}{{49, 147, 3510588952}, {147, 49, 2854491721}, {640, 853, 2981223264}, {333, 1000, 3034113798}, {1000, 333, 2926174484}, {427, 1199, 3022790965}} {
		var sum uint32
		for _, v := range nearest(c.in, c.out) {
			sum = sum*31 + uint32(v)
		}
		if sum != c.want {
			t.Errorf("%d to %d: sum %d, want %d", c.in, c.out, sum, c.want)
		}
	}
}
