package autotune

import (
	"math/rand/v2"
	"time"

	"contralens/data"
	"contralens/internal/machine"
	"contralens/nn"
	"contralens/torch"
	"contralens/views"
)

// Task is what is computed.
type Task struct {
	Net     nn.Config // its Format is not looked at
	Batch   int       // images a step
	Side    int       // of an image, pixels
	Threads int       // that compute, unless a split is chosen
	Given   Choice    // what is chosen already
	// Images are what to choose a split for. nil: precision and format are chosen.
	Images *Images
}

// Images are what a step loads.
type Images struct {
	Dataset data.Dataset
	Views   []views.Spec // of each image; the first is a crop
	From    string       // where the dataset is, which tells it from others
}

// candidates are the ways to go about a task, those preferred first.
func (t Task) candidates(bf16 bool) []Choice {
	if t.Images != nil {
		return splits(machine.Processors(), t.Given)
	}
	return candidates(t.Given, bf16)
}

// Open says whether something is to be chosen.
func (t Task) Open() bool {
	if t.Images != nil {
		return len(t.candidates(true)) > 1
	}
	return t.Given.Open()
}

const (
	// budget is what measuring may take, as long as it is enough for fewest images.
	budget = 900 * time.Millisecond
	rounds = 2          // that are timed; the fastest counts
	enough = 2 * budget // after this one round has to do
	// fewest images still fill the vector units: a ResNet-50 goes through forward and
	// back in half a second then.
	fewest = 4
)

// Measure times a step of the encoder, forward and backward, in every way that the
// task leaves open. bf16 says that the processor has bfloat16 instructions. report,
// which may be nil, is told of each first result. Call it inside torch.Run.
func Measure(t Task, bf16 bool, report func(Measured)) (all []Measured, err error) {
	torch.Scoped(func() {
		if t.Images != nil {
			all, err = measureSplits(t, report)
		} else {
			all, err = measure(t, bf16, report)
		}
	})
	return all, err
}

func measure(t Task, bf16 bool, report func(Measured)) ([]Measured, error) {
	begin := time.Now()
	choices := candidates(t.Given, bf16)
	probes := map[string]*probe{} // by format: a network serves both precisions
	for _, c := range choices {
		if probes[c.Format] != nil {
			continue
		}
		p, err := newProbe(t.Net, c.Format)
		if err != nil {
			return nil, err
		}
		defer p.Free()
		probes[c.Format] = p
	}
	n := max(2, min(t.Batch, fewest))
	first := probes[choices[0].Format]
	first.step(choices[0], n, t.Side) // kernels are made at their first use
	each := first.step(choices[0], n, t.Side) / time.Duration(n)
	if fits := int(budget / max(1, each) / time.Duration(len(choices)*(rounds+1))); fits > n {
		n = min(fits, max(2, t.Batch))
	}
	all := make([]Measured, len(choices))
	for round := range rounds + 1 {
		if round > 1 && time.Since(begin) > enough {
			break
		}
		for i, c := range choices {
			rate := float64(n) / probes[c.Format].step(c, n, t.Side).Seconds()
			if round == 0 {
				continue // of these many images it is the first use again
			}
			all[i] = Measured{c, max(all[i].Rate, rate)}
			if round == 1 && report != nil {
				report(all[i])
			}
		}
	}
	return all, nil
}

// probe is a network that is measured.
type probe struct{ *nn.Model }

func newProbe(c nn.Config, format string) (*probe, error) {
	// Jigsaws and split batch norm change little, and want whole batches; a tape would
	// want a call of its own to go back.
	c.Format, c.Jigsaw, c.Groups, c.Checkpoint = nn.Format(format), false, 0, false
	m, err := nn.New(c, 0)
	return &probe{m}, err
}

// step sends n random images forward and back, and tells how long that took.
func (p *probe) step(c Choice, n, side int) (took time.Duration) {
	torch.Scoped(func() {
		x := torch.FromFloat32(noise(n*3*side*side), n, 3, side, side).ToDevice(p.Config.Device)
		start := time.Now()
		p.forthAndBack(c, x)
		took = time.Since(start)
	})
	return took
}

// forward gives embeddings in float32.
func (p *probe) forward(c Choice, x *torch.Tensor) (z *torch.Tensor) {
	forward := func() { z = p.Forward(x) }
	if c.Precision == "bf16" {
		torch.Autocast(p.Config.Device, torch.BFloat16, forward)
	} else {
		forward()
	}
	return z.To(torch.Float32)
}

// forthAndBack sends images [n, 3, side, side] through the network and their
// gradients back.
func (p *probe) forthAndBack(c Choice, x *torch.Tensor) {
	z := p.forward(c, x)
	z.BackwardFrom(torch.OnesLike(z))
	for _, w := range p.State.Parameters() {
		w.ClearGrad()
	}
}

// noise is what normalized images look like to a processor.
func noise(n int) []float32 {
	rng := rand.New(rand.NewPCG(0, 0))
	values := make([]float32, n)
	for i := range values {
		values[i] = 4*rng.Float32() - 2
	}
	return values
}
