package train

import (
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"contralens/config"
	"contralens/internal/golden"
	"contralens/torch"
)

// Every method takes the feature transformation of positives, of negatives and of
// both, and its loss feels it; methods without negatives refuse to mix them.
func TestTransformationOfEveryMethod(t *testing.T) {
	withoutNegatives := []string{"SimSiam", "BYOL"}
	for _, name := range slices.Sorted(maps.Keys(config.Methods)) {
		t.Run(name, func(t *testing.T) {
			plain, _ := firstStep(t, name, "none")
			for _, side := range []string{"pos", "neg", "posneg"} {
				if side != "pos" && slices.Contains(withoutNegatives, name) {
					c := config.DefaultContrast()
					c.Method, c.FT = name, side
					if _, err := c.Resolve(nil); err == nil || !strings.Contains(err.Error(), "no negatives to interpolate: give --ft pos") {
						t.Errorf("--ft %s: %v, want it refused", side, err)
					}
					continue
				}
				loss, out := firstStep(t, name, side)
				if loss == plain {
					t.Errorf("--ft %s changes nothing: loss %v", side, loss)
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

// firstStep is the first step of a method on a fixed batch, at a temperature at
// which no loss vanishes, features without normalisation included.
func firstStep(t *testing.T, method, ft string) (loss float64, out Outcome) {
	t.Helper()
	c := config.DefaultContrast()
	c.Method, c.FT, c.InputRes = method, ft, 64
	if _, err := c.Resolve(nil); err != nil {
		t.Fatal(err)
	}
	net, err := Network(c.Shared)
	if err != nil {
		t.Fatal(err)
	}
	const n, side = 8, 32
	net.Arch, net.Width, net.Stem, net.FeatDim, net.Jigsaw = "resnet18", 0.0625, "cifar", 16, c.Jigsaw
	err = torch.Run(func() error {
		m, err := NewModel(Options{
			Net: net, Memory: c.Memory, Images: n, K: 32, Alpha: c.Alpha, BankMomentum: c.BankMomentum,
			Temperature: 1, Beta: c.Beta, Momentum: c.Momentum, Transform: transform(c), Seed: 1,
		})
		if err != nil {
			return err
		}
		defer m.Free()
		torch.Scoped(func() {
			b := &Batch{Images: []int64{0, 1, 2, 3, 4, 5, 6, 7}, Random: m.Random(0, true), Watch: Watch{Statistics: true}}
			pixels := golden.Input(golden.CInput, 2*n*3*side*side)
			for v := range 2 {
				b.Crops = append(b.Crops, torch.FromFloat32(pixels[v*n*3*side*side:(v+1)*n*3*side*side], n, 3, side, side))
			}
			if c.Jigsaw {
				b.Patches = torch.FromFloat32(golden.Input(golden.CInput, 9*n*3*8*8), 9*n, 3, 8, 8)
			}
			out, err = m.Step(b, 0.01)
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Value, out
}
