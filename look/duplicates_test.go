package look

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"contralens/views"
)

// imageOf converts a scene for package views.
func imageOf(seed uint64, w, h int) *views.Image {
	m := scene(seed, w, h)
	out := &views.Image{}
	out.Resize(w, h)
	for i := range w * h {
		r, g, b, _ := m.At(i%w, i/w).RGBA()
		out.Pix[3*i], out.Pix[3*i+1], out.Pix[3*i+2] = uint8(r>>8), uint8(g>>8), uint8(b>>8)
	}
	return out
}

// Copies that are resized, slightly cropped or brighter are near; other scenes, mirrored
// copies and images of one color are not.
func TestFingerprint(t *testing.T) {
	var r room
	var sc views.Scratch
	changed := func(m *views.Image, change func(*views.Image)) *views.Image {
		c := &views.Image{}
		c.Copy(m)
		change(c)
		return c
	}
	cropped := func(m *views.Image, box views.Box, w, h int) *views.Image {
		out := &views.Image{}
		views.ResizedCrop(out, m, box, w, h, &sc)
		return out
	}
	for seed := range uint64(20) {
		m := imageOf(seed, 120, 90)
		a := fingerprintOf(m, &r)
		for name, c := range map[string]struct {
			m    *views.Image
			near bool
		}{
			"itself":    {m, true},
			"half":      {cropped(m, views.Box{W: 120, H: 90}, 60, 45), true},
			"stretched": {cropped(m, views.Box{W: 120, H: 90}, 200, 60), true},
			"cropped":   {cropped(m, views.Box{X: 1, Y: 1, W: 118, H: 88}, 118, 88), true},
			"brighter":  {changed(m, func(m *views.Image) { m.Brightness(1.1) }), true},
			"mirrored":  {changed(m, (*views.Image).Flip), false},
			"another":   {imageOf(seed+1000, 120, 90), false},
		} {
			if _, ok := near(a, fingerprintOf(c.m, &r), nearCorrelation); ok != c.near {
				t.Errorf("seed %d, %s: near %v", seed, name, ok)
			}
		}
	}
	black := &views.Image{}
	black.Resize(30, 30)
	clear(black.Pix)
	if f := fingerprintOf(black, &r); !f.blank || !f.grayed {
		t.Errorf("a black image: %v %v", f.blank, f.grayed)
	} else if _, ok := near(f, f, nearCorrelation); ok {
		t.Error("images of one color are compared")
	}
	if f := fingerprintOf(changed(imageOf(1, 20, 20), (*views.Image).Gray), &r); !f.grayed || f.blank {
		t.Errorf("a gray image: %v %v", f.blank, f.grayed)
	}
}

// The search in buckets finds the pairs that differ in at most three bits, and no pair that
// comparing all does not find.
func TestBuckets(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var photos []*photo
	var which []int
	for i := range 600 {
		f := &fingerprint{hash: rng.Uint64()}
		for k := range f.small {
			f.small[k] = uint8(rng.IntN(256))
		}
		f.measure()
		if i >= 300 { // a copy whose hash differs in up to 7 bits
			*f = *photos[i-300].fingerprint
			for range i % 8 {
				f.hash ^= 1 << rng.IntN(64)
			}
		}
		photos = append(photos, &photo{fingerprint: f})
		which = append(which, i)
	}
	end := newBudget(time.Hour, still).share(1)
	all, n := comparePairs(photos, which, nearCorrelation, 3, end)
	some, m := compareBuckets(photos, which, nearCorrelation, end)
	if n != 600 || m != 600 || len(all) != 300 {
		t.Fatalf("%d and %d compared, %d pairs", n, m, len(all))
	}
	found := map[[2]int]bool{}
	for _, p := range some {
		if found[[2]int{p.a, p.b}] || !slices.Contains(all, p) {
			t.Errorf("%v is found twice, or is none", p)
		}
		found[[2]int{p.a, p.b}] = true
	}
	for _, p := range all {
		if d := bits.OnesCount64(photos[p.a].hash ^ photos[p.b].hash); d <= 3 && !found[[2]int{p.a, p.b}] {
			t.Errorf("%v differs in %d bits and is not found", p, d)
		}
	}
}

// The correlation is Pearson's, with the mean of each channel subtracted.
func TestCorrelate(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		var a, b fingerprint
		for i := range a.small {
			a.small[i], b.small[i] = uint8(rng.IntN(256)), uint8(rng.IntN(100)+i%3*70)
		}
		a.measure()
		b.measure()
		var means [2][3]float64
		for i := range a.small {
			means[0][i%3] += float64(a.small[i]) / (side * side)
			means[1][i%3] += float64(b.small[i]) / (side * side)
		}
		var ab, aa, bb float64
		for i := range a.small {
			x, y := float64(a.small[i])-means[0][i%3], float64(b.small[i])-means[1][i%3]
			ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
		}
		if got, want := correlate(&a, &b), ab/math.Sqrt(aa*bb); math.Abs(got-want) > 1e-12 {
			t.Errorf("%v, want %v", got, want)
		}
		if got := correlate(&a, &a); math.Abs(got-1) > 1e-12 {
			t.Errorf("%v with itself", got)
		}
	}
	var flat fingerprint
	flat.measure()
	if got := correlate(&flat, &flat); got != 0 {
		t.Errorf("%v without contrast", got)
	}
}

// Where all images are alike, only pairs that are more so are duplicates. Many copies of
// different images do not make a dataset alike.
func TestLikeness(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	set := func(n, different int, noise int) (photos []*photo, which []int) {
		originals := make([]fingerprint, different)
		for i := range originals {
			for k := range originals[i].small {
				originals[i].small[k] = uint8(40 + rng.IntN(170))
			}
		}
		for i := range n {
			f := originals[i%different]
			for k := range f.small {
				f.small[k] += uint8(rng.IntN(2*noise+1)) - uint8(noise)
			}
			f.measure()
			photos, which = append(photos, &photo{fingerprint: &f}), append(which, i)
		}
		return photos, which
	}
	pairs := func(photos []*photo, which []int) (float64, bool, int) {
		least, alike := likeness(photos, which, 1)
		all, _ := comparePairs(photos, which, least, 1, newBudget(time.Hour, still).share(1))
		return least, alike, len(all)
	}
	if least, alike, n := pairs(set(400, 100, 3)); least != nearCorrelation || alike || n != 600 {
		t.Errorf("four copies of each image: from %v, alike %v, %d pairs", least, alike, n)
	}
	photos, which := set(400, 1, 14)
	copied := *photos[7].fingerprint
	photos[9] = &photo{fingerprint: &copied}
	if least, alike, n := pairs(photos, which); least <= nearCorrelation || !alike || n < 1 || n > 40 {
		t.Errorf("400 scans and one copy: from %v, alike %v, %d pairs", least, alike, n)
	}
	if least, alike := likeness(photos, which[:50], 1); least != nearCorrelation || alike {
		t.Errorf("few images: from %v, alike %v", least, alike)
	}
}

// Groups with different classes are shown even if there are many others.
func TestLabelsAreShown(t *testing.T) {
	var groups []Group
	for i := range 60 {
		groups = append(groups, Group{Least: float64(i), Labels: i >= 30 && i%5 == 0})
	}
	got := withLabels(slices.Clone(groups))
	var order []float64
	for _, g := range got {
		order = append(order, g.Least)
	}
	first := order[:shownGroups]
	if !slices.Equal(first[14:], []float64{14, 15, 30, 35, 40, 45}) || len(got) != 60 {
		t.Errorf("shown: %v", first)
	}
	slices.Sort(order)
	for i, v := range order {
		if v != float64(i) {
			t.Fatalf("groups are lost: %v", order)
		}
	}
	groups[19].Labels = true // it stays, and one group less moves
	order = nil
	for _, g := range withLabels(groups)[:shownGroups] {
		order = append(order, g.Least)
	}
	if !slices.Equal(order[14:], []float64{14, 15, 19, 30, 35, 40}) {
		t.Errorf("shown: %v", order)
	}
	if few := groups[:5]; len(withLabels(few)) != 5 {
		t.Error("few groups are changed")
	}
}

func TestUnion(t *testing.T) {
	u := newUnion(7)
	u.join(5, 1, 0.98)
	u.join(3, 5, 0.96)
	u.join(1, 3, 0.5) // already joined
	u.join(6, 4, 1)
	if got := u.groups(); len(got) != 2 || !slices.Equal(got[0], []int{1, 3, 5}) || !slices.Equal(got[1], []int{4, 6}) {
		t.Errorf("groups %v", got)
	}
	if u.least[u.find(5)] != 0.96 {
		t.Errorf("least %v", u.least[u.find(5)])
	}
}
