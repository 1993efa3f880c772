package train

import (
	"fmt"

	"contralens/contrast"
	"contralens/nn"
	"contralens/optim"
	"contralens/torch"
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
	Transform             contrast.Transform
	BF16                  bool // encoders in bfloat16
	Parts                 int  // that a batch goes through the encoders in; 0 and 1: whole
	Seed                  uint64
}

// NewModel makes the networks and the method. Free it when done.
func NewModel(o Options) (*Model, error) {
	m := &Model{Options: o, Stream: contrast.Stream{Seed: o.Seed}}
	var err error
	if m.Query, err = nn.New(o.Net, o.Seed); err != nil {
		return nil, err
	}
	m.Net = m.Query.Config
	make, ok := methods[o.Memory]
	if !ok {
		m.Free()
		return nil, fmt.Errorf("--mem: no method is called %q", o.Memory)
	}
	if m.Method, err = make(m); err != nil {
		m.Free()
		return nil, err
	}
	parameters := append(m.Query.State.Parameters(), m.Method.Memory().Own.Parameters()...)
	m.Optimizer = optim.NewSGD(parameters, o.Momentum, o.WeightDecay)
	return m, nil
}

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

// Device is where the networks are.
func (m *Model) Device() torch.Device { return m.Net.Device }

// Step trains on one batch at a learning rate. A step whose loss or gradients are
// not finite changes no weight and returns a *NotFinite.
func (m *Model) Step(b *Batch, lr float64) (out Outcome, err error) {
	torch.Scoped(func() {
		defer m.Clock.Enter(Contrast)()
		defer m.Query.Tape.Drop()
		out = m.Method.Forward(b)
		if !finite(out.Value) {
			err = m.findForward(b)
			return
		}
		m.Clock.Enter(Backward)
		m.Backward(out.Loss)
		m.Clock.Enter(Update)
		if !m.Optimizer.Finite() {
			err = m.findGradient()
			return
		}
		m.Optimizer.Step(lr)
		if out.Then != nil {
			out.Then()
		}
	})
	return out, err
}

// Backward gives the parameters the gradients of a loss, also through the pieces of
// the forward pass that wait on the tape.
func (m *Model) Backward(loss *torch.Tensor) {
	loss.Backward()
	m.Query.Tape.Backward(m.autocast)
}

// ContrastOptions are those of the contrast of a batch whose features draw
// transforms.
func (m *Model) ContrastOptions(b *Batch, draw contrast.Draw) contrast.Options {
	o := contrast.Options{
		Temperature: m.Temperature, Scores: b.Watch.Scores,
		NormalizePositive: m.Transform.Positive.Normalize && draw.On(),
		NormalizeNegative: m.Transform.Negative.Normalize && draw.On(),
	}
	if b.Watch.Statistics {
		// Transformed scores leave the range of unit features.
		if o.Bound = 1; m.Transform.On() {
			o.Bound = 2
		}
	}
	return o
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

// UpdateKey moves the momentum encoder towards the query encoder.
func (m *Model) UpdateKey() {
	contrast.UpdateKey(m.Key.State.Parameters(), m.Query.State.Parameters(), m.Alpha)
}

// Embed maps a view to the query encoder's embeddings, for each branch [N, d].
func (m *Model) Embed(view *torch.Tensor) []*torch.Tensor {
	defer m.Clock.Enter(Query)()
	return m.branches(m.encode(view, 1, func(x *torch.Tensor, _ part) *torch.Tensor { return m.Query.Forward(x) }))
}

// EmbedJigsaw maps the patches of a batch to embeddings, for each branch [N, d];
// nil without patches.
func (m *Model) EmbedJigsaw(b *Batch) []*torch.Tensor {
	if b.Patches == nil {
		return nil
	}
	defer m.Clock.Enter(Query)()
	var orders [][]int64
	for range m.Query.Branches() {
		orders = append(orders, b.Random.Patches(b.Len()))
	}
	return m.branches(m.encode(b.Patches, nn.JigsawPatches, func(x *torch.Tensor, rows part) *torch.Tensor {
		var own []*torch.Tensor
		for _, order := range orders {
			own = append(own, rows.of(order).ToDevice(m.Device()))
		}
		return m.Query.ForwardJigsaw(x, own)
	}))
}

// Keys maps a view to the momentum encoder's embeddings, without gradients. Its
// batch norm sees the images in another order (shuffled BN): keys are in the
// batch's order, shuffled in that other one, for each branch [N, d].
func (m *Model) Keys(view *torch.Tensor, order []int64) (keys, shuffled []*torch.Tensor) {
	defer m.Clock.Enter(Key)()
	torch.NoGrad(func() {
		order := torch.FromInt64(order, len(order)).ToDevice(m.Device())
		z := torch.Scoped1(func() (z *torch.Tensor) {
			torch.Inference(func() {
				z = m.encode(view.IndexSelect(0, order), 1, func(x *torch.Tensor, _ part) *torch.Tensor { return m.Key.Forward(x) })
			})
			return z.Clone() // which a loss may keep for its gradient
		})
		keys, shuffled = m.branches(torch.EmptyLike(z).IndexCopy_(0, order, z)), m.branches(z)
	})
	return keys, shuffled
}

// branches cuts embeddings [N, d·branches] into each encoder's [N, d].
func (m *Model) branches(z *torch.Tensor) []*torch.Tensor {
	n := m.Query.Branches()
	if n == 1 {
		return []*torch.Tensor{z}
	}
	d := m.Net.FeatDim
	var out []*torch.Tensor
	for i := range n {
		out = append(out, z.Narrow(1, i*d, d).Contiguous())
	}
	return out
}
