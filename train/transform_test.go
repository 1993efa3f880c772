package train

import (
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"contralens/config"
	"contralens/internal/golden"
	"contralens/methods"
	"contralens/nn"
	"contralens/setup"
	"contralens/torch"
)

// The feature transformation of positives, of negatives and of both changes the loss of
// every method; methods without negatives refuse to mix them.
func TestTransformationOfEveryMethod(t *testing.T) {
	withoutNegatives := []string{"SimSiam", "BYOL"}
	for _, name := range slices.Sorted(maps.Keys(config.Methods)) {
		t.Run(name, func(t *testing.T) {
			method := func(ft string) methods.Outcome {
				c, err := tiny(func(c *config.Contrast) { c.Method, c.FT = name, ft })
				if err != nil {
					t.Fatal(err)
				}
				out, _ := firstStep(t, c)
				return out
			}
			plain := method("none").Value
			for _, side := range []string{"pos", "neg", "posneg"} {
				if side != "pos" && slices.Contains(withoutNegatives, name) {
					_, err := tiny(func(c *config.Contrast) { c.Method, c.FT = name, side })
					if err == nil || !strings.Contains(err.Error(), "no negatives to interpolate; give --ft pos") {
						t.Errorf("--ft %s: %v, want it refused", side, err)
					}
					continue
				}
				out := method(side)
				if out.Value == plain {
					t.Errorf("--ft %s changes nothing: loss %v", side, plain)
				}
				λpos, λneg := out.Statistics.LambdaPositive, out.Statistics.LambdaNegative
				if positives := side != "neg"; positives != (λpos >= 1 && λpos <= 2) || positives == math.IsNaN(λpos) {
					t.Errorf("--ft %s: λ of positives is %v", side, λpos)
				}
				if negatives := side != "pos"; negatives != (λneg >= 0 && λneg <= 1) || negatives == math.IsNaN(λneg) {
					t.Errorf("--ft %s: λ of negatives is %v", side, λneg)
				}
			}
		})
	}
}

// tiny returns a resolved configuration of the smallest network. At its temperature no
// loss vanishes, not even for features that are not normalized.
func tiny(change func(*config.Contrast)) (config.Contrast, error) {
	c := config.DefaultContrast()
	c.Arch, c.Width, c.Stem, c.FeatDim, c.InputRes, c.K = "resnet18", 0.0625, "cifar", 16, 64, 32
	change(&c)
	_, err := c.Resolve(nil)
	c.Temperature = 1
	return c, err
}

// firstStep takes the first step on a fixed batch and checks that the loss and the
// gradients are finite. flat has the parameters that got no gradient.
func firstStep(t *testing.T, c config.Contrast) (out methods.Outcome, flat []string) {
	t.Helper()
	net, err := setup.Network(c.Net, c.Machine)
	if err != nil {
		t.Fatal(err)
	}
	net.Jigsaw = c.Jigsaw
	const n, side = 8, 32
	inTorch(t, func() {
		torch.SetThreads(1) // such small tensors gain nothing by more
		m, err := methods.NewModel(methods.Options{
			Net: net, Memory: c.Memory, Images: n, K: c.K, Alpha: c.Alpha, BankMomentum: c.BankMomentum,
			Temperature: c.Temperature, Loss: setup.Loss(c.Relatives), Beta: c.Beta, Momentum: c.Momentum, Transform: c.Transform(),
			Seed: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Free()
		b := &methods.Batch{Images: []int64{0, 1, 2, 3, 4, 5, 6, 7}, Random: m.Random(0, true), Collect: methods.Collect{Statistics: true}}
		pixels := golden.Input(golden.CInput, 2*n*3*side*side)
		for v := range 2 {
			b.Crops = append(b.Crops, torch.FromFloat32(pixels[v*n*3*side*side:(v+1)*n*3*side*side], n, 3, side, side))
		}
		if c.Jigsaw {
			b.Patches = torch.FromFloat32(golden.Input(golden.CInput, 9*n*3*8*8), 9*n, 3, 8, 8)
		}
		if out, err = m.Step(b, 0.01); err != nil {
			t.Fatal(err)
		}
		// Without weight decay the first momentum is the gradient.
		for i, e := range parameters(slices.Concat(m.Query.State, m.Method.State().Own)) {
			if !slices.ContainsFunc(m.Optimizer.Buffers[i].Float32s(), func(g float32) bool { return g != 0 }) {
				flat = append(flat, e.Name)
			}
		}
	})
	return out, flat
}

func parameters(s nn.State) nn.State {
	return slices.DeleteFunc(s, func(e nn.Entry) bool { return e.Buffer })
}
