package viz

import (
	"image"
	"image/color"
	"testing"
)

// TestSheet: tiles are in rows, pictures keep their proportions, and the marked one has a
// frame.
func TestSheet(t *testing.T) {
	red := image.NewUniform(color.RGBA{200, 0, 0, 255})
	wide := image.NewRGBA(image.Rect(0, 0, 40, 20))
	for i := range 40 * 20 {
		wide.Set(i%40, i/40, red.C)
	}
	m, err := Sheet([]Tile{{Picture: wide, Title: "one", Marked: true}, {Picture: wide, Caption: "a caption that is much too long for a tile of this size"}, {Picture: wide}}, 2, 100)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := m.Bounds().Size(), image.Pt(12+2*112, 12+2*(100+36+12)); got != want {
		t.Errorf("size %v, want %v", got, want)
	}
	at := func(x, y int) color.RGBA { return color.RGBAModel.Convert(m.At(x, y)).(color.RGBA) }
	for where, want := range map[image.Point]color.RGBA{
		{12 + 50, 12 + 50}:  {200, 0, 0, 255},     // the picture's middle
		{12 + 50, 12 + 10}:  {238, 238, 238, 255}, // above it, within the frame
		{10, 12 + 50}:       {220, 90, 20, 255},   // the frame
		{124 + 50, 12 + 10}: {238, 238, 238, 255}, // above an unmarked picture
		{12 + 50, 160 + 50}: {200, 0, 0, 255},     // the second row
		{124 + 50, 210}:     {255, 255, 255, 255}, // no fourth tile
	} {
		if got := at(where.X, where.Y); got != want {
			t.Errorf("at %v: %v, want %v", where, got, want)
		}
	}
	dark := 0
	for x := 124; x < 236; x++ {
		if at(x, 12+100+28).R < 128 {
			dark++
		}
	}
	if dark == 0 {
		t.Error("no caption was written")
	}
	for y := range m.Bounds().Dy() {
		if at(230, y).R < 128 && y < 160 {
			t.Error("the caption leaves its tile")
			break
		}
	}
}
