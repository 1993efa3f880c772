package mask

import (
	"slices"
	"testing"

	"contralens/internal/golden"
)

// rleCase is the case of pycocotools' masks.
func rleCase(t *testing.T) (c *golden.Case, m struct {
	RLE              []*RLE
	Merge, Intersect string
	Polygons         [][]float64
}) {
	c = golden.Load(t, "detection", "eval", "rle")
	c.Unmarshal(&m)
	return c, m
}

func TestPolygonsGolden(t *testing.T) {
	c, m := rleCase(t)
	pixels := c.Array("masks").U8 // [60, 50, 3]
	area, box := c.Array("area").I64, c.Array("bbox").F64
	for i, p := range m.Polygons {
		r, err := FromPolygon(p, 60, 50)
		if err != nil {
			t.Fatal(err)
		}
		if r.Code() != m.RLE[i].Code() {
			t.Errorf("polygon %d: %s, want %s", i, r.Code(), m.RLE[i].Code())
		}
		got, err := r.Decode()
		if err != nil {
			t.Fatal(err)
		}
		for j, v := range got {
			if v != pixels[3*j+i] {
				t.Fatalf("polygon %d: pixel %d is %d, want %d", i, j, v, pixels[3*j+i])
			}
		}
		if back := Encode(got, 60, 50); !slices.Equal(back.Counts, r.Counts) {
			t.Errorf("polygon %d: encoded again %v, want %v", i, back.Counts, r.Counts)
		}
		if r.Area() != int(area[i]) {
			t.Errorf("polygon %d: area %d, want %d", i, r.Area(), area[i])
		}
		if b := r.Box(); !slices.Equal(b[:], box[4*i:4*i+4]) {
			t.Errorf("polygon %d: box %v, want %v", i, b, box[4*i:4*i+4])
		}
	}
}

// The golden union and intersection are of all three masks.
func TestMergeGolden(t *testing.T) {
	_, m := rleCase(t)
	for _, c := range []struct {
		intersect bool
		want      string
	}{{false, m.Merge}, {true, m.Intersect}} {
		got, err := Merge(m.RLE, c.intersect)
		if err != nil || got.Code() != c.want {
			t.Errorf("intersect %v: %v, %v; want %s", c.intersect, got, err, c.want)
		}
	}
}

// The second mask is a crowd.
func TestIoUGolden(t *testing.T) {
	c, m := rleCase(t)
	got := slices.Concat(IoUs(m.RLE, m.RLE, []bool{false, true, false})...)
	if want := c.Array("iou").F64; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestTargetsGolden(t *testing.T) {
	c := golden.Load(t, "detection", "ops", "mask_targets")
	var p struct{ Polygons [][][]float64 }
	c.Decode(c.Params, &p)
	check := func(name, boxes string, side int, shape func(i int) Shape) {
		b, _ := c.F32(boxes)
		want := c.Array(name).U8
		got := make([]uint8, side*side)
		for i := range len(b) / 4 {
			if err := shape(i).Targets([][4]float32{[4]float32(b[4*i:])}, side, got); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want[i*side*side:(i+1)*side*side]) {
				t.Errorf("%s %d differs from the golden", name, i)
			}
		}
	}
	polygons := func(i int) Shape { return Shape{Polygons: p.Polygons[i]} }
	bits := c.Array("bitmasks").U8
	bitmap := func(i int) Shape { return Shape{RLE: Encode(bits[i*80*120:(i+1)*80*120], 80, 120)} }
	check("target_14", "boxes", 14, polygons)
	check("target_28", "boxes", 28, polygons)
	check("target2_28", "boxes2", 28, polygons)
	check("bit_target_28", "boxes", 28, bitmap)
}

func TestPasteGolden(t *testing.T) {
	c := golden.Load(t, "detection", "ops", "paste_masks")
	probabilities, _ := c.F32("masks")
	boxes, _ := c.F32("boxes")
	want := c.Array("pasted").U8
	const height, width, side = 80, 120, 28
	got := make([]uint8, height*width)
	for i := range 5 {
		Paste(got, height, width, probabilities[i*side*side:(i+1)*side*side], side, [4]float32(boxes[4*i:]), 0.5)
		if !slices.Equal(got, want[i*height*width:(i+1)*height*width]) {
			t.Errorf("mask %d differs from the golden", i)
		}
	}
}
