package train

import (
	"math/rand/v2"

	"contralens/contrast"
	"contralens/nn"
	"contralens/optim"
	"contralens/torch"
)

// MoCo is a query encoder, its momentum encoder and the queue of keys (He et
// al., 2020), with the feature transformation of Zhu et al. (2021).
type MoCo struct {
	Query, Key  *nn.Model
	Queue       *contrast.Queue
	Optimizer   *optim.SGD
	Stream      contrast.Stream // of λ and π
	Transform   contrast.Transform
	Alpha       float64 // momentum of the key encoder
	Temperature float64 // τ
	BF16        bool    // encoders in bfloat16
	Device      torch.Device
}

// MoCoOptions say what NewMoCo makes.
type MoCoOptions struct {
	Net                   nn.Config
	K                     int
	Alpha, Temperature    float64
	Momentum, WeightDecay float64
	Transform             contrast.Transform
	BF16                  bool
	Seed                  uint64
}

// NewMoCo makes a query encoder, a key encoder that starts as its copy, and a
// queue of random keys. Free it when done.
func NewMoCo(o MoCoOptions) (*MoCo, error) {
	query, err := nn.New(o.Net, o.Seed)
	if err != nil {
		return nil, err
	}
	key, err := nn.New(o.Net, o.Seed)
	if err != nil {
		return nil, err
	}
	for _, p := range key.State.Parameters() {
		p.SetRequiresGrad(false)
	}
	return &MoCo{
		Query: query, Key: key,
		Queue:     contrast.NewQueue(o.K, query.Config.FeatDim, o.Seed, o.Net.Device),
		Optimizer: optim.NewSGD(query.State.Parameters(), o.Momentum, o.WeightDecay),
		Stream:    contrast.Stream{Seed: o.Seed},
		Transform: o.Transform, Alpha: o.Alpha, Temperature: o.Temperature, BF16: o.BF16, Device: o.Net.Device,
	}, nil
}

// Free drops the tensors.
func (m *MoCo) Free() {
	m.Query.Free()
	m.Key.Free()
	m.Queue.Free()
	m.Optimizer.Free()
}

// Watch says what a step measures beside its loss.
type Watch struct {
	Scores     bool // a row of five numbers a sample
	Statistics bool // contrast.Statistics
}

// bound is the range of the negatives' histogram: transformed scores leave that
// of unit features.
func (m *MoCo) bound(w Watch) float64 {
	switch {
	case !w.Statistics:
		return 0
	case m.Transform.On():
		return 2
	}
	return 1
}

// Step trains on one batch: two views [N, 3, H, W] of the same images.
//
// shuffle is the order in which the key encoder sees the batch and in which its
// keys enter the queue; draw is the step's λ and π, empty without
// transformation. A step whose loss or gradients are not finite changes no weight
// and returns a *NotFinite.
func (m *MoCo) Step(viewQ, viewK *torch.Tensor, shuffle []int64, draw contrast.Draw, lr float64, watch Watch) (out contrast.Output, err error) {
	torch.Scoped(func() {
		k, shuffled := m.keys(viewK, shuffle)
		q := m.embed(m.Query, viewQ)

		out = contrast.InfoNCE(q, k, contrast.Shared{Rows: m.Queue.Keys}, draw, contrast.Options{
			Temperature: m.Temperature, Scores: watch.Scores, Bound: m.bound(watch),
			NormalizePositive: m.Transform.Positive.Normalize && draw.On(),
			NormalizeNegative: m.Transform.Negative.Normalize && draw.On(),
		})
		if !finite(out.Value) {
			err = m.findForward(viewQ, viewK)
			return
		}
		out.Loss.Backward()
		if !m.Optimizer.Finite() {
			err = m.findGradient()
			return
		}
		m.Optimizer.Step(lr)

		contrast.UpdateKey(m.Key.State.Parameters(), m.Optimizer.Parameters, m.Alpha)
		m.Queue.Enqueue(shuffled)
	})
	return out, err
}

// keys embeds the views with the key encoder, whose batch norm sees them in
// another order (shuffled BN), without gradients: the keys in the batch's order
// and in the shuffled one.
func (m *MoCo) keys(view *torch.Tensor, shuffle []int64) (k, shuffled *torch.Tensor) {
	torch.NoGrad(func() {
		order := torch.FromInt64(shuffle, len(shuffle)).ToDevice(m.Device)
		shuffled = m.embed(m.Key, view.IndexSelect(0, order))
		k = torch.EmptyLike(shuffled).IndexCopy_(0, order, shuffled)
	})
	return k, shuffled
}

func (m *MoCo) embed(model *nn.Model, view *torch.Tensor) (z *torch.Tensor) {
	if !m.BF16 {
		return model.Forward(view)
	}
	torch.Autocast(m.Device, torch.BFloat16, func() { z = model.Forward(view) })
	return z.To(torch.Float32)
}

// Shuffle is the order of a step's keys, keyed by seed and step.
func Shuffle(n int, seed, step uint64) []int64 {
	order := make([]int64, n)
	for i, p := range rand.New(rand.NewPCG(seed^0x73687566666c65, step)).Perm(n) {
		order[i] = int64(p)
	}
	return order
}
