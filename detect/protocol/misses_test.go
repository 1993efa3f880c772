package protocol

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"contralens/config"
	"contralens/detect"
)

// An object counts as found once, by a detection of its class that overlaps it by half. What is
// difficult or a crowd is neither missed nor wrong to find; the worst image is first.
func TestMisses(t *testing.T) {
	object := func(class int, x float64) detect.Object {
		return detect.Object{Class: class, Box: [4]float64{x, 0, x + 10, 10}}
	}
	found := func(class int32, x, score float32) detect.Detection {
		return detect.Detection{Class: class, Box: [4]float32{x, 0, x + 10, 10}, Score: score}
	}
	difficult := object(0, 60)
	difficult.Difficult = true
	crowd := detect.Object{Crowd: true, Box: [4]float64{100, 0, 200, 100}}
	set := &detect.Set{Images: []detect.Image{
		{Objects: []detect.Object{object(0, 0), object(1, 20), difficult}},
		{Objects: []detect.Object{object(0, 0)}},
		{Objects: []detect.Object{object(0, 0), object(0, 20), object(0, 40)}},
		{Objects: []detect.Object{difficult, crowd, object(0, 62)}},
	}}
	got := misses(set, [][]detect.Detection{
		// The second one finds the same object again, the third another class, the fifth is too weak.
		{found(0, 1, 0.9), found(0, 0, 0.8), found(0, 20, 0.7), found(0, 61, 0.6), found(1, 20, 0.2)},
		{found(0, 2, 0.9)},
		nil,
		// All but the last, which is of another class, find the object, the difficult one or the crowd.
		{found(0, 61, 0.9), found(0, 61, 0.8), found(0, 60, 0.7), found(0, 120, 0.6), found(0, 140, 0.5), found(1, 120, 0.4)},
	}, 0.3)
	want := []mistakes{{index: 0, missed: 1, total: 2, wrong: 2}, {index: 2, missed: 3, total: 3},
		{index: 3, total: 1, wrong: 1}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// The end of ctx ends the sheet of misses, without a file.
func TestSheetStops(t *testing.T) {
	voc, _ := scenes(t, 4)
	ctx, stop := context.WithCancel(context.Background())
	c := config.DefaultDetectEval()
	c.DataFolder = voc
	set, err := open(ctx, c.DetectData, "trainval", true, false, nil, Options{Note: func(string) {}})
	if err != nil {
		t.Fatal(err)
	}
	stop()
	e := &evaluation{c: &c, set: set}
	path := filepath.Join(t.TempDir(), "misses.png")
	if err := e.sheet(ctx, path, make([][]detect.Detection, len(set.Images))); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a sheet was written")
	}
}
