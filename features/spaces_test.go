package features

import (
	"math"
	"strings"
	"testing"

	"contralens/internal/golden"
	"contralens/nn"
	"contralens/torch"
	"contralens/views"
)

// Without augmentation the features are those of Compute, and the embeddings have length 1. Views of an image
// follow each other, are the same in every call, differ from each other, and do not depend on other images.
func TestComputeSpaces(t *testing.T) {
	inside(t, func(m *nn.Model) {
		f, _, err := Compute(m, gradients(7), Options{Size: 12})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Free()
		plain, err := ComputeSpaces(m, gradients(7), views.Evaluation(12), 1, 0, Options{})
		if err != nil {
			t.Fatal(err)
		}
		golden.Near(t, "features", plain.Backbone, f.Float32s(), 1e-5)
		for i := range 7 {
			length := 0.0
			for _, v := range plain.Head[4*i : 4*i+4] {
				length += float64(v) * float64(v)
			}
			if math.Abs(length-1) > 1e-5 {
				t.Errorf("embedding %d has the squared length %v", i, length)
			}
		}
		spec, err := views.Preset("A", 12, 0.2)
		if err != nil {
			t.Fatal(err)
		}
		compute := func(n int) Spaces {
			s, err := ComputeSpaces(m, gradients(n), spec, 3, 5, Options{Workers: 2})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		few, all := compute(2), compute(7)
		if len(all.Head) != 7*3*4 || all.Dims != [2]int{m.FeatureDim(), 4} {
			t.Fatalf("%d values of embeddings, dimensions %v", len(all.Head), all.Dims)
		}
		golden.Near(t, "views of two of the images", all.Backbone[:len(few.Backbone)], few.Backbone, 1e-5)
		if first, second := all.Head[0], all.Head[4]; first == second {
			t.Errorf("two views of an image have the same embedding")
		}
	})
}

// An embedding that is not finite is an error that names the image.
func TestSpacesNotFinite(t *testing.T) {
	inside(t, func(m *nn.Model) {
		weight := m.State[0].Tensor
		torch.NoGrad(func() { weight.Fill_(math.NaN()) })
		_, err := ComputeSpaces(m, gradients(3), views.Evaluation(12), 1, 0, Options{})
		if err == nil || !strings.Contains(err.Error(), "image picture 0: want finite") {
			t.Errorf("NaN weights: %v", err)
		}
	})
}
