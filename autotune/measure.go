package autotune

import (
	"math/rand/v2"
	"time"

	"contralens/nn"
	"contralens/torch"
)

const (
	// budget limits the time of a measurement, if it suffices for fewest images.
	budget = 900 * time.Millisecond
	rounds = 2          // timed rounds; the fastest counts
	enough = 2 * budget // after this long, one round must do
	// fewest is the smallest number of images that fills the vector units. A ResNet-50
	// takes half a second for them, forward and backward.
	fewest = 4
)

// Measure times one step of the encoder, forward and backward, in every setting that
// the workload leaves open. bf16 reports whether the processor has bfloat16
// instructions. report, which may be nil, receives the first result of each setting.
// Call Measure inside torch.Run.
func Measure(w Workload, bf16 bool, report func(Trial)) (all []Trial, err error) {
	torch.Scoped(func() {
		if w.Images != nil {
			all, err = measureSplits(w, report)
		} else {
			all, err = measureSteps(w, bf16, report)
		}
	})
	return all, err
}

// measureSteps times steps in each precision and memory format.
func measureSteps(w Workload, bf16 bool, report func(Trial)) ([]Trial, error) {
	begin := time.Now()
	settings := candidates(w.Given, bf16)
	probes := map[string]*probe{} // by format: one network serves both precisions
	for _, s := range settings {
		if probes[s.Format] != nil {
			continue
		}
		p, err := newProbe(w.Net, s.Format)
		if err != nil {
			return nil, err
		}
		defer p.Free()
		probes[s.Format] = p
	}
	n := max(2, min(w.Batch, fewest))
	first := probes[settings[0].Format]
	first.step(settings[0], n, w.Side) // the first use of a kernel compiles it
	each := first.step(settings[0], n, w.Side) / time.Duration(n)
	if fits := int(budget / max(1, each) / time.Duration(len(settings)*(rounds+1))); fits > n {
		n = min(fits, max(2, w.Batch))
	}
	all := make([]Trial, len(settings))
	for round := range rounds + 1 {
		if round > 1 && time.Since(begin) > enough {
			break
		}
		for i, s := range settings {
			rate := float64(n) / probes[s.Format].step(s, n, w.Side).Seconds()
			if round == 0 {
				continue // first use again, with this number of images
			}
			all[i] = Trial{s, max(all[i].Rate, rate)}
			if round == 1 && report != nil {
				report(all[i])
			}
		}
	}
	return all, nil
}

// probe is a network to measure.
type probe struct{ *nn.Model }

func newProbe(c nn.Config, format string) (*probe, error) {
	// Jigsaws and split batch norm change little, and need whole batches. A tape would
	// need its own call for the backward pass.
	c.Format, c.Jigsaw, c.Groups, c.Checkpoint = nn.Format(format), false, 0, false
	m, err := nn.New(c, 0)
	return &probe{m}, err
}

// step passes n random images forward and backward, and returns the time that it took.
func (p *probe) step(s Setting, n, side int) (took time.Duration) {
	torch.Scoped(func() {
		x := torch.FromFloat32(noise(n*3*side*side), n, 3, side, side).ToDevice(p.Config.Device)
		start := time.Now()
		p.forwardBackward(s, x)
		took = time.Since(start)
	})
	return took
}

// forward returns embeddings in float32.
func (p *probe) forward(s Setting, x *torch.Tensor) (z *torch.Tensor) {
	forward := func() { z = p.Forward(x) }
	if s.Precision == "bf16" {
		torch.Autocast(p.Config.Device, torch.BFloat16, forward)
	} else {
		forward()
	}
	return z.To(torch.Float32)
}

// forwardBackward passes images x [n, 3, side, side] forward and their gradients
// backward.
func (p *probe) forwardBackward(s Setting, x *torch.Tensor) {
	z := p.forward(s, x)
	z.BackwardFrom(torch.OnesLike(z))
	for _, w := range p.State.Parameters() {
		w.ClearGrad()
	}
}

// noise returns n values in the range of normalized images.
func noise(n int) []float32 {
	rng := rand.New(rand.NewPCG(0, 0))
	values := make([]float32, n)
	for i := range values {
		values[i] = 4*rng.Float32() - 2
	}
	return values
}
