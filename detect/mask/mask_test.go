package mask

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// random returns a mask with runs of various lengths.
func random(r *rand.Rand, height, width int) []uint8 {
	pixels := make([]uint8, height*width)
	for i, v := 0, uint8(r.IntN(2)); i < len(pixels); v = 1 - v {
		for range 1 + r.IntN(1+r.IntN(2*height)) {
			if i < len(pixels) {
				pixels[i%height*width+i/height] = v
				i++
			}
		}
	}
	return pixels
}

// Decoding inverts encoding, in runs and in text, and area, box, union, intersection and IoU are
// those of the pixels.
func TestRandomMasks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		h, w := 1+r.IntN(30), 1+r.IntN(30)
		a, b := random(r, h, w), random(r, h, w)
		ra, rb := Encode(a, h, w), Encode(b, h, w)
		parsed, err := Parse(ra.Code(), h, w)
		if err != nil || !slices.Equal(parsed.Counts, ra.Counts) {
			t.Fatalf("%q: %v, %v; want %v", ra.Code(), parsed, err, ra.Counts)
		}
		if back, err := ra.Decode(); err != nil || !slices.Equal(back, a) {
			t.Fatalf("decoded %v, %v; want %v", back, err, a)
		}
		var or, and []uint8
		sum := [4]int{}
		x0, y0, x1, y1 := w, h, -1, -1
		for i := range a {
			or, and = append(or, a[i]|b[i]), append(and, a[i]&b[i])
			sum[0], sum[1] = sum[0]+int(a[i]), sum[1]+int(b[i])
			sum[2], sum[3] = sum[2]+int(or[i]), sum[3]+int(and[i])
			if a[i] == 1 {
				x0, x1, y0, y1 = min(x0, i%w), max(x1, i%w), min(y0, i/w), max(y1, i/w)
			}
		}
		want := [4]float64{float64(x0), float64(y0), float64(x1 - x0 + 1), float64(y1 - y0 + 1)}
		if x1 < 0 {
			want = [4]float64{}
		}
		if ra.Area() != sum[0] || ra.Box() != want {
			t.Fatalf("area %d and box %v, want %d and %v", ra.Area(), ra.Box(), sum[0], want)
		}
		for intersect, pixels := range map[bool][]uint8{false: or, true: and} {
			if m, err := Merge([]*RLE{ra, rb}, intersect); err != nil || m.Code() != Encode(pixels, h, w).Code() {
				t.Fatalf("merged %v, %v", m, err)
			}
		}
		iou, inside := 0.0, 0.0
		if sum[3] > 0 {
			iou, inside = float64(sum[3])/float64(sum[2]), float64(sum[3])/float64(sum[0])
		}
		if got := IoU(ra, rb, false); got != iou || got != IoU(rb, ra, false) || IoU(ra, rb, true) != inside {
			t.Fatalf("IoU %v and %v, want %v and %v", got, IoU(ra, rb, true), iou, inside)
		}
		if got := IoUs([]*RLE{ra}, []*RLE{rb}, nil)[0][0]; got != iou {
			t.Fatalf("IoUs %v, want %v", got, iou)
		}
	}
}

// Runs of length 0 in files change nothing but the runs.
func TestEmptyRuns(t *testing.T) {
	plain := &RLE{Height: 4, Width: 3, Counts: []uint32{1, 2, 3, 4, 2}}
	odd := &RLE{Height: 4, Width: 3, Counts: []uint32{1, 0, 0, 2, 0, 0, 3, 1, 0, 3, 2, 0}}
	a, errA := plain.Decode()
	b, errB := odd.Decode()
	if errA != nil || errB != nil || !slices.Equal(a, b) || odd.Area() != 6 || odd.Box() != plain.Box() || IoU(plain, odd, false) != 1 {
		t.Errorf("%v and %v, %v %v, area %d, box %v", a, b, errA, errB, odd.Area(), odd.Box())
	}
	if m, err := Merge([]*RLE{plain, odd}, true); err != nil || m.Code() != plain.Code() {
		t.Errorf("%v, %v", m, err)
	}
}

// Damaged codes and sizes are errors that say what is wrong.
func TestDamagedCodes(t *testing.T) {
	for text, want := range map[string]string{
		"": "runs of 12 pixels in all, got 0", "<0": "", "=": "got 13", "o": "ends within a number",
		"ooooooo0": "numbers of at most 7", "\x10": "characters from", "é": "characters from", "O": "want runs from 0", "<o": "ends within",
	} {
		_, err := Parse(text, 4, 3)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	for _, size := range [][2]int{{0, 4}, {-1, 4}, {1 << 20, 1 << 20}, {math.MaxInt, 2}} {
		if _, err := Parse("0", size[0], size[1]); err == nil {
			t.Errorf("size %v: want an error", size)
		}
	}
	var r RLE
	for text, want := range map[string]string{
		`{"size": [4, 3], "counts": [6, 6]}`: "", `{"size": [4, 3], "counts": "66"}`: "", `{"size": [4], "counts": [4]}`: "want a size",
		`{"size": [4, 3], "counts": [-6, 18]}`: "whole numbers", `{"size": [4, 3], "counts": [6]}`: "got 6", `[1]`: "want an object",
		`{"size": [4, 3], "counts": [4294967295, 13]}`: "want runs of 12",
	} {
		err := json.Unmarshal([]byte(text), &r)
		if want == "" && (err != nil || r.Area() != 6) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if b, err := json.Marshal(&RLE{Height: 4, Width: 3, Counts: []uint32{6, 6}}); err != nil || string(b) != `{"size":[4,3],"counts":"66"}` {
		t.Errorf("%s, %v", b, err)
	}
	if _, err := Merge(nil, false); err == nil {
		t.Error("want an error for no masks")
	}
	if _, err := Merge([]*RLE{{Height: 1, Width: 1, Counts: []uint32{1}}, {Height: 1, Width: 2, Counts: []uint32{2}}}, false); err == nil {
		t.Error("want an error for two sizes")
	}
}

// Damaged polygons are errors, and none takes long.
func TestDamagedPolygons(t *testing.T) {
	for want, p := range map[string][]float64{
		"at least 3 points": {1, 2, 3, 4}, "got 7 numbers": {1, 2, 3, 4, 5, 6, 7}, "finite numbers": {1, 2, math.NaN(), 4, 5, 6},
		"got +Inf": {1, 2, math.Inf(1), 4, 5, 6}, "numbers within": {1, 2, 1e300, 4, 5, 6}, "outline of at most": {0, 0, 2.6e7, 0, 0, 2.6e7},
	} {
		if _, err := FromPolygon(p, 9, 9); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", p, err, want)
		}
		if err := (Shape{Polygons: [][]float64{p}}).Targets([][4]float32{{0, 0, 5, 5}}, 14, make([]uint8, 196)); err == nil {
			t.Errorf("%v: want an error as a target", p)
		}
	}
	// A box fills its pixels, an empty one none; a shape without a region is empty.
	r, err := FromBox([4]float64{2, 1, 3, 4}, 9, 9)
	if err != nil || r.Area() != 12 || r.Box() != [4]float64{2, 1, 3, 4} {
		t.Errorf("%v, %v", r, err)
	}
	if r, err = FromPolygon([]float64{3, 3, 3, 3, 3, 3}, 9, 9); err != nil || r.Area() != 0 {
		t.Errorf("%v, %v", r, err)
	}
	if r, err = (Shape{}).Mask(3, 3); err != nil || r.Area() != 0 || !(Shape{}).Empty() {
		t.Errorf("%v, %v", r, err)
	}
}

// Boxes of all kinds are pasted and aligned without going out of bounds.
func TestOddBoxes(t *testing.T) {
	map2 := []float32{1, 1, 1, 1}
	nan := float32(math.NaN())
	for _, box := range [][4]float32{
		{0, 0, 0, 0}, {5, 5, 1, 1}, {-1e9, -1e9, 1e9, 1e9}, {1e9, 1e9, 2e9, 2e9}, {nan, 0, 5, 5}, {0, 0, 1e-7, 1e-7},
		{float32(math.Inf(-1)), 0, 5, 5}, {-3, -3, 2, 2},
	} {
		Paste(make([]uint8, 30), 5, 6, map2, 2, box, 0.5)
		Align(make([]uint8, 30), 5, 6, box, 14, make([]uint8, 196))
	}
	dst := slices.Repeat([]uint8{7}, 30) // old values are cleared
	Paste(dst, 5, 6, map2, 2, [4]float32{1, 1, 3, 4}, 0.5)
	if want := []uint8{0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}; !slices.Equal(dst, want) {
		t.Errorf("%v, want %v", dst, want)
	}
	if err := (Shape{}).Targets(make([][4]float32, 1), 14, nil); err == nil {
		t.Error("want an error for too little room")
	}
}

// No text makes Parse panic, and what it accepts is coded as a mask with the same pixels.
func FuzzParse(f *testing.F) {
	f.Add("];3i13N2M3M3M3M3M3M3M3M3M3N2M3M3M3M2NN2M3N2M4L3N2M3M3N2M3N2M3M4M2M3M3Nab0", uint8(60), uint8(50))
	f.Add("66", uint8(4), uint8(3))
	f.Add("oooooo", uint8(4), uint8(3))
	f.Fuzz(func(t *testing.T, text string, h, w uint8) {
		r, err := Parse(text, int(h), int(w))
		if err != nil {
			return
		}
		pixels, err := r.Decode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(r.Code(), int(h), int(w))
		if err != nil || !slices.Equal(again.Counts, r.Counts) {
			t.Fatalf("%v coded as %q: %v, %v", r.Counts, r.Code(), again, err)
		}
		clean := Encode(pixels, int(h), int(w))
		if clean.Area() != r.Area() || clean.Box() != r.Box() || IoU(clean, r, false) < 1 && r.Area() > 0 {
			t.Fatalf("%v and %v differ", clean, r)
		}
	})
}

// No polygon makes FromPolygon panic, and its runs fill the mask.
func FuzzPolygon(f *testing.F) {
	f.Add(5.5, 5.2, 40.1, 8.9, 22.3, 55.7, uint8(60), uint8(50))
	f.Add(-3.0, -4.0, 1e5, math.SmallestNonzeroFloat64, -1e5, 2.0, uint8(1), uint8(1))
	f.Fuzz(func(t *testing.T, a, b, c, d, e, g float64, h, w uint8) {
		for _, v := range []float64{a, b, c, d, e, g} {
			if math.Abs(v) > 1e5 {
				t.Skip() // long outlines take long, up to their limit
			}
		}
		r, err := FromPolygon([]float64{a, b, c, d, e, g}, int(h), int(w))
		if err == nil && r.Check() != nil {
			t.Fatalf("%v: %v", r, r.Check())
		}
	})
}

// Every product is rounded before it is added, also where the processor could fuse both (arm64,
// GOAMD64=v3). In float64 these products and sums are exact before the one rounding.
func TestEveryRounding(t *testing.T) {
	add := func(all ...float32) (sum float32) {
		for _, v := range all {
			sum = float32(float64(sum) + float64(v))
		}
		return sum
	}
	mul := func(a, b float32) float32 { return float32(float64(a) * float64(b)) }
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		a, b, c, d := r.Float32(), r.Float32(), r.Float32(), r.Float32()
		y, x := r.Float32(), r.Float32()
		want := add(mul(a, mul(1-y, 1-x)), mul(b, mul(1-y, x)), mul(c, mul(y, 1-x)), mul(d, mul(y, x)))
		if got := sample([]float32{a, b, c, d}, 2, y, x); got != want {
			t.Fatalf("sample %v, want %v", got, want)
		}
		low, side, i := mul(100, a), 1+mul(100, b), r.IntN(200)
		high := low + side
		u := add(mul((float32(i)+0.5-low)/(high-low), 2), -1)
		if got, want := position(i, low, high, 28), add(mul(u+1, 28), -1)/2; got != want {
			t.Fatalf("position %v, want %v", got, want)
		}
		cell, n := r.IntN(28), 1+r.IntN(9)
		want = add(low, mul(float32(cell), side), mul(float32(i%n)+0.5, side)/float32(n))
		if got := middle(low, side, cell, i%n, n); got != want {
			t.Fatalf("middle %v, want %v", got, want)
		}
	}
}
