package views

import (
	"math"
	"testing"
)

// Frequencies of all random choices, over 20,000 draws. Five standard deviations are
// allowed.
func TestDrawFrequencies(t *testing.T) {
	const n = 20000
	for _, name := range []string{"A", "B", "C", "D", "E", "NULL", "RA"} {
		s, err := Preset(name, 224, 0.2)
		if err != nil {
			t.Fatal(err)
		}
		count := map[string]float64{}
		ops := map[Op]float64{}
		for i := range n {
			d := s.Draw(500, 375, NewRand(11, 0, i, 0))
			tally := func(on bool, what string) {
				if on {
					count[what]++
				}
			}
			tally(d.Flip, "flip")
			tally(d.Jitter, "jitter")
			tally(d.Gray, "gray")
			tally(d.Sigma > 0, "blur")
			if d.Sigma > 0 && (d.Sigma < s.BlurMin || d.Sigma > s.BlurMax) {
				t.Fatalf("%s: sigma %v", name, d.Sigma)
			}
			if d.Sigma > 0 {
				tally(d.Sigma < (s.BlurMin+s.BlurMax)/2, "weak blur")
			}
			if d.Jitter {
				for place, op := range d.Order {
					tally(place == 0 && op == 3, "hue first")
					tally(place == 3 && op == 0, "brightness last")
				}
				for k, f := range d.Factors {
					low, high := max(0, 1-s.Jitter[k]), 1+s.Jitter[k]
					if k == 3 {
						low, high = -s.Jitter[3], s.Jitter[3]
					}
					if f < low || f > high {
						t.Fatalf("%s: factor %d is %v, want it in [%v, %v]", name, k, f, low, high)
					}
					tally(k == 1 && f < 1, "less contrast")
				}
			}
			for _, a := range d.Applied {
				ops[a.Op]++
			}
		}
		blur := s.BlurP
		for what, p := range map[string]float64{"flip": 0.5, "jitter": s.JitterP, "gray": s.GrayP, "blur": blur, "weak blur": blur / 2,
			"hue first": s.JitterP / 4, "brightness last": s.JitterP / 4, "less contrast": s.JitterP / 2} {
			if got, room := count[what]/n, 5*math.Sqrt(p*(1-p)/n); math.Abs(got-p) > room {
				t.Errorf("%s: %s in %.4f of the draws, want %.4f ± %.4f", name, what, got, p, room)
			}
		}
		for _, op := range s.Operations {
			p := 0.5 / float64(len(s.Operations))
			if got := ops[op] / (2 * n); math.Abs(got-p) > 5*math.Sqrt(p/(2*n)) {
				t.Errorf("%s: %v is drawn in %.4f, want %.4f", name, op, got, p)
			}
		}
	}
}

// Magnitudes are 10 ± 0.5 limited to 10; both signs are equally frequent.
func TestMagnitudes(t *testing.T) {
	const n = 20000
	r := NewRand(3, 0, 0, 0)
	full, negative, bicubic, low := 0.0, 0.0, 0.0, 1.0
	for range n {
		a := drawOperation([]Op{Rotate}, r)
		size := math.Abs(a.Argument) / 30
		if size > 1 {
			t.Fatalf("an angle of %v", a.Argument)
		}
		low = min(low, size)
		if size == 1 {
			full++
		}
		if a.Argument < 0 {
			negative++
		}
		if a.Bicubic {
			bicubic++
		}
	}
	for what, share := range map[string]float64{"full magnitude": full, "negative angles": negative, "bicubic": bicubic} {
		if math.Abs(share/n-0.5) > 0.02 {
			t.Errorf("%s in %.3f of the draws, want half", what, share/n)
		}
	}
	if low > 0.85 || low < 0.7 {
		t.Errorf("the smallest of %d magnitudes is %.2f, want about four standard deviations of 0.05 below 1", n, low)
	}
}

func TestNeed(t *testing.T) {
	small, _ := Preset("B", 100, 0.2)
	eval := Evaluation(224)
	for _, tc := range []struct {
		name    string
		specs   []Spec
		crops   []Box
		eighths int
		box     Box
	}{
		{"half size is enough", []Spec{small}, []Box{{10, 20, 200, 300}}, 4, Box{10, 20, 200, 300}},
		{"one pixel less and it is not", []Spec{small}, []Box{{10, 20, 199, 300}}, 8, Box{10, 20, 199, 300}},
		{"the smaller crop decides", []Spec{small, small}, []Box{{10, 20, 200, 300}, {100, 0, 115, 120}}, 8, Box{10, 0, 205, 320}},
		{"a quarter", []Spec{small}, []Box{{0, 0, 400, 512}}, 2, Box{0, 0, 400, 512}},
		{"smaller than the view", []Spec{small}, []Box{{0, 0, 20, 20}}, 8, Box{0, 0, 20, 20}},
		{"evaluation keeps the scale", []Spec{eval}, []Box{{0, 0, 400, 512}}, 8, Box{24, 80, 352, 353}},
	} {
		draws := make([]Draw, len(tc.specs))
		for i, c := range tc.crops {
			draws[i].Crop = c
		}
		box, eighths := Need(tc.specs, draws, 400, 512)
		if box != tc.box || eighths != tc.eighths {
			t.Errorf("%s: %+v at %d/8, want %+v at %d/8", tc.name, box, eighths, tc.box, tc.eighths)
		}
	}
}
