// Package methods has the ways to learn from views: MoCo, memory banks, SimCLR,
// SimSiam and BYOL, each on a page with the feature transformation in it, and what
// they share: the encoders, a step, the branches of CMC and of the jigsaw.
//
// A training step is Model.Step. The loop around it, checkpoints and records are
// package train's.
package methods

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"contralens/contrast"
	"contralens/contrast/ft"
	"contralens/internal/option"
	"contralens/nn"
	"contralens/optim"
	"contralens/torch"
	"contralens/world"
)

// Model is what every method trains: a query encoder, for some a momentum encoder,
// the optimizer, and the method with its memory.
type Model struct {
	Options
	Query     *nn.Model
	Key       *nn.Model // moves after Query; nil for methods without
	Optimizer *optim.SGD
	Method    Method
	Stream    contrast.Stream // of λ and π
	Clock     Clock           // where the time of its steps goes
}

// Options say what NewModel makes.
type Options struct {
	Net                   nn.Config
	Memory                string // moco, bank, batch, none, target, or a registered one
	Images                int    // in the training set: rows of a bank
	K                     int    // negatives from a queue or bank
	Symmetric             bool   // queue: both crops are queries
	Alpha                 float64
	BankMomentum          float64
	Temperature           float64 // τ
	Beta                  float64 // weight of the jigsaw's loss
	Momentum, WeightDecay float64 // of SGD
	Transform             ft.Transform
	BF16                  bool // encoders in bfloat16
	Microbatches          int  // that a batch goes through the encoders in; 0 and 1: whole
	Seed                  uint64
	World                 world.World // of processes that train together; encode is where it gathers
}

// NewModel makes the networks and the method. Free it when done.
func NewModel(o Options) (*Model, error) {
	m := &Model{Options: o, Stream: contrast.Stream{Seed: o.Seed}}
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
	if m.Method, err = newMethod(m); err != nil {
		m.Free()
		return nil, err
	}
	parameters := append(m.Query.State.Parameters(), m.Method.State().Own.Parameters()...)
	m.Optimizer = optim.NewSGD(parameters, o.Momentum, o.WeightDecay)
	return m, nil
}

// AddKey makes the momentum encoder, which starts as the query encoder's copy.
func (m *Model) AddKey() (err error) {
	if m.Key, err = nn.New(m.Net, m.Seed); err != nil {
		return err
	}
	for _, p := range m.Key.State.Parameters() {
		p.SetRequiresGrad(false)
	}
	return nil
}

// Device is where the networks are.
func (m *Model) Device() torch.Device { return m.Net.Device }

// Free drops the tensors.
func (m *Model) Free() {
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
}
