package views_test

import (
	"fmt"

	"contralens/views"
)

// A view of MoCo v2 of a black image: whatever was drawn, it stays black, which
// normalization maps to -mean/std.
func Example() {
	spec, err := views.Preset("B", 32, 0.2)
	if err != nil {
		fmt.Println(err)
		return
	}
	var image views.Image
	image.Resize(64, 48)
	var scratch views.Scratch
	view := make([]float32, spec.Len())
	spec.View(view, &image, views.NewRand(1, 1, 0, 0), &scratch)
	fmt.Printf("%v, first value %.3f\n", spec.Shape(), view[0])
	// Output: [3 32 32], first value -2.118
}

// A view of 32 pixels of a photo of 400 pixels: decoding it at an eighth of its size is
// enough.
func ExampleNeed() {
	spec, err := views.Preset("NULL", 32, 0.2)
	if err != nil {
		fmt.Println(err)
		return
	}
	spec.CropMin, spec.CropMax, spec.RatioMin = 1, 1, 1 // nothing random but the flip
	random := views.NewRand(1, 1, 0, 0)
	draws := []views.Draw{spec.Draw(400, 400, random)}
	box, eighths := views.Need([]views.Spec{spec}, draws, 400, 400)
	fmt.Println(box, eighths)
	// Output: {0 0 400 400} 1
}
