package rcnn

import (
	"runtime"
	"slices"
	"strings"
	"testing"

	"contralens/detect"
	"contralens/detect/box"
	"contralens/detect/mask"
)

// regionsOfMask returns regions of two objects, a large mask and a polygon, and their sample.
func regionsOfMask(n int) (all []sampled, samples []detect.Sample) {
	square := mask.Shape{Polygons: [][]float64{{10, 10, 900, 10, 900, 700, 10, 700}}}
	r, err := square.Mask(1000, 1000)
	if err != nil {
		panic(err)
	}
	for i := range n {
		side := float32(100 + 5*i)
		all = append(all, sampled{region: region{0, box.Box{3, 4, 3 + side, 4 + side}}, object: i % 2})
	}
	return all, []detect.Sample{{Boxes: make([][4]float32, 2), Shapes: []mask.Shape{{RLE: r}, square}}}
}

// A mask is decoded once for all regions of its object, whose targets are their own.
func TestTargetsOfRegions(t *testing.T) {
	h := &maskHead{side: 14}
	all, samples := regionsOfMask(80)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f, err := h.foreground(all, samples)
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 4e6 { // a decoded mask has 1e6 bytes
		t.Errorf("%d bytes for 40 regions of one mask", n)
	}
	for i, s := range all {
		want := make([]uint8, 14*14)
		if err := samples[0].Shapes[s.object].Targets([][4]float32{s.box}, 14, want); err != nil {
			t.Fatal(err)
		}
		for j, v := range want {
			if f.masks[i*14*14+j] != float32(v) {
				t.Fatalf("region %d has another target", i)
			}
		}
	}
}

// Nothing reads the samples after an error, so that the loader may use their memory again.
func TestTargetsOfMissingMask(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // what was started has not run yet
	all, samples := regionsOfMask(2)
	samples[0].Shapes[1] = mask.Shape{}
	before := runtime.NumGoroutine()
	_, err := (&maskHead{side: 14}).foreground(slices.Concat(all[:1], all), samples)
	if err == nil || !strings.Contains(err.Error(), "object 1: want a segmentation") {
		t.Errorf("got error %v", err)
	}
	if n := runtime.NumGoroutine() - before; n > 0 {
		t.Errorf("%d goroutines still read the samples", n)
	}
}
