package golden

import (
	"math"
	"testing"
)

// The fill formula reproduces the examples. All tests of networks depend on it.
func TestFillExamples(t *testing.T) {
	var examples []struct {
		Arch     string
		FillSeed uint64 `json:"fill_seed"`
		Tensors  []struct {
			Name  string
			Shape []int
			First []float64
			Last  float64
			Sum   float64
		}
	}
	JSON(t, &examples, "fill", "examples.json")
	for _, e := range examples {
		shapes := map[string][]int{}
		for _, x := range e.Tensors {
			shapes[x.Name] = x.Shape
		}
		values := Fill(shapes, e.FillSeed)
		for _, x := range e.Tensors {
			v := values[x.Name]
			for i, want := range x.First {
				if float64(v[i]) != want {
					t.Errorf("%s %s[%d] = %v, want %v", e.Arch, x.Name, i, v[i], want)
				}
			}
			if got := float64(v[len(v)-1]); got != x.Last {
				t.Errorf("%s %s last = %v, want %v", e.Arch, x.Name, got, x.Last)
			}
			var sum float64
			for _, f := range v {
				sum += float64(f)
			}
			if math.Abs(sum-x.Sum) > 1e-6*float64(len(v)) {
				t.Errorf("%s %s sum = %v, want %v", e.Arch, x.Name, sum, x.Sum)
			}
		}
	}
}
