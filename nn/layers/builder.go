package layers

import (
	"math"
	"math/rand/v2"

	"contralens/torch"
)

// Options describe how a network's tensors are made.
type Options struct {
	Rand   *rand.Rand         // draws the initial values; nil leaves them unset, if only names and shapes are needed
	Format torch.MemoryFormat // of weights with four dimensions
	Device torch.Device
	Groups int  // parts of a batch with separate batch-norm statistics; 0 and 1: one
	Double bool // float64 parameters, for tests of exactness
	// Rename, if set, maps the dotted names of tensors and layers to those of another
	// library.
	Rename func(name string) string
}

// Builder makes layers. It draws their parameters in the order in which the layers are
// built, and adds them to the network's state under PyTorch's names. A Builder is a
// value: At and Stage return a builder for a part of the network and do not change the
// receiver.
type Builder struct {
	network *network
	prefix  string // of names, such as "encoder.layer1.0."
	stage   int
}

// network is shared by all builders of a network.
type network struct {
	Options
	state State
	modes Modes
}

// NewBuilder starts a network. The caller frees its State.
func NewBuilder(o Options) Builder { return Builder{network: &network{Options: o}} }

// At returns a builder for layers whose names begin with name and a dot.
func (b Builder) At(name string) Builder {
	b.prefix += name + "."
	return b
}

// Stage returns a builder for layers of stage n, counted from 0. A stage is trained or
// frozen as a whole; see Modes.
func (b Builder) Stage(n int) Builder {
	b.stage = n
	return b
}

// State returns the tensors made so far, in order.
func (b Builder) State() State { return b.network.state }

// Modes returns the modes of the stages built so far.
func (b Builder) Modes() Modes { return b.network.modes }

// Mode returns the mode of the builder's stage, for layers that compute something else
// in training.
func (b Builder) Mode() *Mode {
	for len(b.network.modes) <= b.stage {
		b.network.modes = append(b.network.modes, &Mode{Train: true})
	}
	return b.network.modes[b.stage]
}

// Parameter makes a trained tensor. value draws one initial value; it is called once
// per element, in row-major order.
func (b Builder) Parameter(name string, shape []int, value func() float64) *torch.Tensor {
	if b.network.Rand == nil {
		return b.add(name, false, torch.Empty(shape))
	}
	n := 1
	for _, s := range shape {
		n *= s
	}
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(value())
	}
	return b.add(name, false, torch.FromFloat32(values, shape...))
}

// Buffer makes a tensor that is stored with the network but not trained.
func (b Builder) Buffer(name string, t *torch.Tensor) *torch.Tensor { return b.add(name, true, t) }

// Counter makes a buffer that counts, int64 []. It stays on the CPU, where counting takes no
// kernel.
func (b Builder) Counter(name string) *torch.Tensor {
	return b.keep(name, true, torch.Zeros(nil, torch.Options{Dtype: torch.Int64}))
}

func (b Builder) add(name string, buffer bool, t *torch.Tensor) *torch.Tensor {
	return b.keep(name, buffer, t.ToDevice(b.network.Device))
}

func (b Builder) keep(name string, buffer bool, t *torch.Tensor) *torch.Tensor {
	n := b.network
	if n.Double && t.Dtype() == torch.Float32 {
		t = t.To(torch.Float64)
	}
	if t.Dim() == 4 {
		t = t.Contiguous(n.Format)
	}
	t.Keep()
	if !buffer {
		t.SetRequiresGrad(true)
	}
	b.Mode() // create the stage even if it has no batch norm
	n.state = append(n.state, Entry{Name: b.renamed(b.prefix + name), Tensor: t, Buffer: buffer, Stage: b.stage})
	return t
}

func (b Builder) renamed(name string) string {
	if rename := b.network.Rename; rename != nil {
		return rename(name)
	}
	return name
}

// KaimingNormal draws from N(0, 2/fanOut), the initialization of He et al. (2015) for
// ReLU. fanOut is the number of outputs that an input contributes to.
func (b Builder) KaimingNormal(fanOut int) func() float64 {
	return b.Normal(math.Sqrt(2 / float64(fanOut)))
}

// Normal draws from N(0, std²).
func (b Builder) Normal(std float64) func() float64 {
	return func() float64 { return std * b.network.Rand.NormFloat64() }
}

// Uniform draws from U(-1/√in, 1/√in), PyTorch's default for a linear layer with in
// inputs.
func (b Builder) Uniform(in int) func() float64 {
	return b.uniform(1 / math.Sqrt(float64(in)))
}

// XavierUniform draws from U(-√(3/in), √(3/in)), so that outputs of a layer with in inputs
// vary as much as inputs (Glorot & Bengio, 2010, in Caffe2's form).
func (b Builder) XavierUniform(in int) func() float64 { return b.uniform(math.Sqrt(3 / float64(in))) }

func (b Builder) uniform(bound float64) func() float64 {
	return func() float64 { return bound * (2*b.network.Rand.Float64() - 1) }
}

// Constant returns v for every element.
func Constant(v float64) func() float64 { return func() float64 { return v } }

// Mode is the mode in which the layers of a stage compute.
type Mode struct {
	Train bool // batch norm uses the batch's statistics and updates the running ones
	// Replace makes the running statistics those of the newest batch, instead of moving them
	// a tenth of the way.
	Replace bool
	// Together, if set, is batch norm in training. Other processes take part in it.
	Together Together
	// Groups, if not 0, replaces the number of parts of a batch with separate statistics.
	Groups int
}

// momentum is the weight of the newest batch in the running statistics.
func (m *Mode) momentum() float64 {
	if m.Replace {
		return 1
	}
	return normMomentum
}

// Modes lists the modes of a network's stages. A new stage is in training mode.
type Modes []*Mode

// Set sets the mode of each stage.
func (m Modes) Set(train func(stage int) bool) {
	for i, mode := range m {
		mode.Train = train(i)
	}
}

// Together makes batch norm in training one of several processes; nil ends that.
func (m Modes) Together(t Together) {
	for _, mode := range m {
		mode.Together = t
	}
}

// Groups splits batches of training into parts with separate batch-norm statistics.
func (m Modes) Groups(n int) {
	for _, mode := range m {
		mode.Groups = n
	}
}

// Evaluating runs f with all stages in evaluation mode and then restores their modes.
func (m Modes) Evaluating(f func()) {
	before := make([]bool, len(m))
	for i, mode := range m {
		before[i] = mode.Train
	}
	defer m.Set(func(stage int) bool { return before[stage] })
	m.Set(func(int) bool { return false })
	f()
}
