// Package methods implements the ways to learn from views: MoCo, memory banks, SimCLR,
// SimSiam and BYOL. Each takes about a page, with the feature transformation visible in
// it. Model has what they share: the encoders, the optimizer, the training step, and
// the branches of CMC and jigsaw.
//
// NewModel builds a Model with a Method; Model.Step trains it on one Batch. The loop
// around it, checkpoints and records are in package train. Register adds a method.
package methods

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"contralens/contrast"
	"contralens/contrast/ft"
	"contralens/internal/option"
	"contralens/nn"
	"contralens/optim"
	"contralens/torch"
	"contralens/world"
)

// Model is what every method trains: a query encoder, in some methods a momentum
// encoder, the optimizer, and the method with its memory.
type Model struct {
	Options
	Query     *nn.Model
	Key       *nn.Model // momentum encoder; nil if the method has none
	Optimizer *optim.SGD
	Method    Method
	Stream    contrast.Stream // of λ and π
	Clock     Clock           // time of its steps by phase

	casts   *torch.Casts // of both encoders' weights, on a device
	casting bool         // they are up to date: a step is under way

	watched   *watched      // of a step under way whose vitals are collected; else nil
	gathering *gathering    // of the step under way; nil in one process
	reducer   Reducer       // nil before the first step, and in one process
	waited    time.Duration // in exchanges, since it was asked for
}

// Options describe the model that NewModel makes.
type Options struct {
	Net                   nn.Config
	Memory                string // moco, bank, batch, none, target, or a registered one
	Images                int    // size of the training set, the number of rows of a bank
	K                     int    // negatives per query from a queue or bank
	MaskSelf              bool   // leave older keys of the query's own image out of the negatives (queue or bank)
	Symmetric             bool   // each crop is the query once and the key once (queue only)
	Alpha                 float64
	BankMomentum          float64
	Temperature           float64             // τ of the next step
	Loss                  contrast.Loss       // of methods with negatives; nil: InfoNCE
	Synthesis             *contrast.Synthesis // negatives that the next step adds to those of a queue; nil: none
	Beta                  float64             // weight of the jigsaw's loss
	Momentum, WeightDecay float64             // of the optimizer
	// NewOptimizer makes the optimizer of parameters; nil: SGD.
	NewOptimizer func(parameters []*torch.Tensor) *optim.SGD
	Transform    ft.Transform
	Mixture      Mixture     // of the images of queries
	Precision    torch.Dtype // of the encoders' products: BFloat16, Float16, or Float32, also as the zero value
	Microbatches int         // number of parts in which the images of a process pass the encoders; 0 and 1: one
	Seed         uint64
	// Shuffle is where keys are shuffled before batch norm: among all processes, which exchange images
	// (exchange or "") or load them (loader), among those of a node (node), or none.
	Shuffle string

	World world.World // processes that train together
	// Groups is the number of groups of a whole batch with batch-norm statistics of their own;
	// Net.Groups is that of this process.
	Groups int
	Group  Group // of more than one process; nil: there is one
	// NewReducer makes what averages gradients over the processes, with buckets of the given
	// layout, or nil for any.
	NewReducer func(parameters []*torch.Tensor, layout [][]int) (Reducer, error)
	Layout     [][]int // of a resumed training
}

// NewModel builds the networks and the method. Free it when done.
func NewModel(o Options) (*Model, error) {
	m := &Model{Options: o, Stream: contrast.Stream{Seed: o.Seed}, Clock: NewClock(o.Net.Device)}
	var err error
	if m.Query, err = nn.New(o.Net, o.Seed); err != nil {
		return nil, err
	}
	m.Net = m.Query.Config
	newMethod, ok := registered[o.Memory]
	if !ok {
		m.Free()
		names := slices.Sorted(maps.Keys(registered))
		return nil, &option.Error{Name: "mem", Want: strings.Join(names, ", "), Got: strconv.Quote(o.Memory)}
	}
	if o.Memory == "bank" && o.Mixture.Kind == "imix" {
		m.Free()
		return nil, &option.Error{Name: "mem", Want: "moco or batch with i-Mix", Got: strconv.Quote(o.Memory)}
	}
	if m.Method, err = newMethod(m); err != nil {
		m.Free()
		return nil, err
	}
	parameters := append(m.Query.State.Parameters(), m.Method.State().Own.Parameters()...)
	if o.NewOptimizer != nil {
		m.Optimizer = o.NewOptimizer(parameters)
	} else {
		m.Optimizer = optim.NewSGD(parameters, o.Momentum, o.WeightDecay)
	}
	if o.Precision == torch.Float16 {
		m.Optimizer.ScaleLoss(o.Net.Device)
	}
	return m, nil
}

// AddKey builds the momentum encoder as a copy of the query encoder.
func (m *Model) AddKey() (err error) {
	if m.Key, err = nn.New(m.Net, m.Seed); err != nil {
		return err
	}
	for _, p := range m.Key.State.Parameters() {
		p.SetRequiresGrad(false)
	}
	return nil
}

// Device returns the device of the networks.
func (m *Model) Device() torch.Device { return m.Net.Device }

// Free frees the model's tensors.
func (m *Model) Free() {
	m.Clock.Free()
	m.casts.Free()
	m.Query.Free()
	if m.Key != nil {
		m.Key.Free()
	}
	if m.Method != nil {
		m.Method.Free()
	}
	if m.Optimizer != nil {
		m.Optimizer.Free()
	}
	if m.reducer != nil {
		m.reducer.Close()
	}
}
