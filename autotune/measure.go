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
// instructions. Call Measure inside torch.Run.
func Measure(w Workload, bf16 bool, r Reports) (all []Trial, err error) {
	torch.Scoped(func() {
		if w.Images != nil {
			all, err = measureSplits(w, r)
		} else {
			all, err = measureSteps(w, bf16, r)
		}
	})
	return all, err
}

// Reports receive what Measure finds while it measures. Each may be nil.
type Reports struct {
	First  func(Trial)                // the first result of each setting
	Failed func(s Setting, err error) // a setting that libtorch cannot compute
}

// measureSteps times steps in each precision and memory format.
func measureSteps(w Workload, bf16 bool, r Reports) ([]Trial, error) {
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
	step := func(s Setting, n int) (took time.Duration, err error) {
		err = torch.Run(func() error {
			took = probes[s.Format].step(s, n, w.Side)
			return nil
		})
		return took, err
	}
	return timeSettings(settings, w.Batch, step, r)
}

// timeSettings times steps of n images in each setting. A setting in which a step fails is
// left out; if all fail, the first error is returned. A step in bf16 fails, for example, if
// DNNL_MAX_CPU_ISA keeps oneDNN from instructions that libtorch sees in the processor.
func timeSettings(settings []Setting, batch int, step func(s Setting, n int) (time.Duration, error), r Reports) (
	[]Trial, error) {
	begin := time.Now()
	n := max(2, min(batch, fewest))
	var works []Setting
	var failure error
	var each time.Duration
	for _, s := range settings {
		_, err := step(s, n) // the first use of a kernel compiles it
		if err == nil && len(works) == 0 {
			each, err = step(s, n)
			each /= time.Duration(n)
		}
		if err == nil {
			works = append(works, s)
			continue
		}
		if failure == nil {
			failure = err
		}
		if r.Failed != nil {
			r.Failed(s, err)
		}
	}
	if len(works) == 0 {
		return nil, failure
	}
	if fits := int(budget / max(1, each) / time.Duration(len(works)*(rounds+1))); fits > n {
		n = min(fits, max(2, batch))
	}
	all := make([]Trial, len(works))
	for round := range rounds + 1 {
		if round > 1 && time.Since(begin) > enough {
			break
		}
		for i, s := range works {
			took, err := step(s, n)
			if err != nil {
				return nil, err
			}
			if round == 0 {
				continue // first use again, with this number of images
			}
			all[i] = Trial{s, max(all[i].Rate, float64(n)/took.Seconds())}
			if round == 1 && r.First != nil {
				r.First(all[i])
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
