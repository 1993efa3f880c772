package box

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func randomBoxes(rng *rand.Rand, n int) []Box {
	all := make([]Box, n)
	for i := range all {
		x, y := rng.Float32()*60, rng.Float32()*60
		all[i] = Box{x, y, x + 1 + 40*rng.Float32(), y + 1 + 40*rng.Float32()}
	}
	return all
}

// NMS equals its definition: among boxes by falling score, one is kept if no kept box before
// it overlaps it.
func TestNMSByDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		all := randomBoxes(rng, 60)
		scores, groups := make([]float32, 60), make([]int32, 60)
		for i := range scores {
			scores[i], groups[i] = float32(rng.IntN(20)), int32(rng.IntN(3))
		}
		removed := map[int]bool{}
		var want []int
		for len(removed)+len(want) < len(all) {
			best := -1
			for i := range all {
				if !removed[i] && !slices.Contains(want, i) && (best < 0 || scores[i] > scores[best]) {
					best = i
				}
			}
			want = append(want, best)
			for i := range all {
				if !slices.Contains(want, i) && groups[i] == groups[best] && float64(IoU(all[best], all[i])) > 0.3 {
					removed[i] = true
				}
			}
		}
		if got := NMS(all, scores, groups, 0.3, 0); !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}

// Decode inverts Encode, and IoU is symmetric and at most 1.
func TestBoxProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	all := randomBoxes(rng, 100)
	for i, a := range all[1:] {
		b := all[i]
		if x, y := IoU(a, b), IoU(b, a); x != y || x < 0 || x > 1 {
			t.Errorf("IoU of %v and %v: %v and %v", a, b, x, y)
		}
		if v := IoU(a, a); v < 0.99999 || v > 1.00001 {
			t.Errorf("IoU of %v with itself: %v", a, v)
		}
		for k, v := range RoICoder.Decode(a, RoICoder.Encode(a, b)) {
			if d := v - b[k]; d > 1e-3 || d < -1e-3 {
				t.Errorf("from %v to %v: coordinate %d comes back as %v", a, b, k, v)
			}
		}
	}
}

func TestSample(t *testing.T) {
	labels := []int8{1, 0, -1, 0, 1, 1, 0, 0, -1, 1}
	for _, c := range []struct {
		n, foreground, background int
	}{{4, 1, 3}, {8, 2, 4}, {100, 4, 4}, {0, 0, 0}} {
		for name, choose := range map[string]Choose{"first": ChooseFirst, "random": ChooseRandom(rand.New(rand.NewPCG(5, 6)))} {
			fg, bg := Sample(labels, c.n, 0.25, choose)
			if len(fg) != c.foreground || len(bg) != c.background {
				t.Errorf("%s, n = %d: got %v and %v, want %d and %d", name, c.n, fg, bg, c.foreground, c.background)
			}
			for want, picked := range map[int8][]int{1: fg, 0: bg} {
				seen := map[int]bool{}
				for _, i := range picked {
					if labels[i] != want || seen[i] {
						t.Errorf("%s: %d has label %d or came twice", name, i, labels[i])
					}
					seen[i] = true
				}
			}
		}
	}
	fg, bg := Sample(labels, 6, 0.5, ChooseFirst)
	if !slices.Equal(fg, []int{0, 4, 5}) || !slices.Equal(bg, []int{1, 3, 6}) {
		t.Errorf("the first ones: got %v and %v", fg, bg)
	}
}

// ChooseRandom picks every element equally often.
func TestChooseRandom(t *testing.T) {
	choose := ChooseRandom(rand.New(rand.NewPCG(7, 8)))
	var counts [10]int
	for range 10000 {
		for _, i := range choose(10, 3) {
			counts[i]++
		}
	}
	for i, n := range counts { // 3000 expected, standard deviation 46
		if n < 2770 || n > 3230 {
			t.Errorf("%d was picked %d times of 10000, want about 3000", i, n)
		}
	}
}

// Once their memory has grown, bags take none for a region.
func TestBagsAllocateNothing(t *testing.T) {
	rois := randomBoxes(rand.New(rand.NewPCG(9, 9)), 20)
	var bags Bags
	fill := func() {
		bags.Reset()
		for _, r := range rois {
			bags.Add(r, 0, 50, 67, 14, 1)
		}
	}
	fill()
	if n := testing.AllocsPerRun(5, fill); n != 0 {
		t.Errorf("%v allocations for 20 regions, want none", n)
	}
}

// BenchmarkBags measures the weights of RoIAlign for 512 regions of a large image.
func BenchmarkBags(b *testing.B) {
	rng := rand.New(rand.NewPCG(9, 9))
	rois := make([]Box, 512)
	for i := range rois {
		x, y := rng.Float32()*600, rng.Float32()*400
		rois[i] = Box{x, y, x + 20 + 400*rng.Float32(), y + 20 + 300*rng.Float32()}
	}
	var bags Bags
	for b.Loop() {
		bags.Reset()
		for _, r := range rois {
			bags.Add(r, 0, 50, 67, 14, 1.0/16)
		}
	}
	b.ReportMetric(float64(len(bags.Indices)), "entries")
}

// BenchmarkNMS measures the suppression of proposals: 12,000 boxes, of which 2,000 are kept.
func BenchmarkNMS(b *testing.B) {
	rng := rand.New(rand.NewPCG(9, 9))
	all, scores := make([]Box, 12000), make([]float32, 12000)
	for i := range all {
		x, y := rng.Float32()*1000, rng.Float32()*600
		all[i], scores[i] = Box{x, y, x + 10 + 300*rng.Float32(), y + 10 + 200*rng.Float32()}, rng.Float32()
	}
	for b.Loop() {
		NMS(all, scores, nil, 0.7, 2000)
	}
}

// BenchmarkMatch measures the matching of a pyramid's anchors with 20 objects.
func BenchmarkMatch(b *testing.B) {
	anchors := Anchors(Cell([]float64{32}, []float64{0.5, 1, 2}), 200, 333, 4, 0)
	objects := randomBoxes(rand.New(rand.NewPCG(9, 9)), 20)
	for b.Loop() {
		AnchorMatcher.Match(objects, anchors)
	}
}

// Objects without a candidate match nothing.
func TestNoCandidates(t *testing.T) {
	for name, m := range map[string]Matcher{"anchors": AnchorMatcher, "proposals": ProposalMatcher} {
		if matches, labels := m.Match([]Box{{1, 2, 3, 4}}, nil); len(matches) != 0 || len(labels) != 0 {
			t.Errorf("%s: matches %v, labels %v", name, matches, labels)
		}
	}
}
