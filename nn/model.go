package nn

import (
	"math/rand/v2"

	"contralens/nn/backbone"
	"contralens/nn/heads"
	"contralens/nn/layers"
	"contralens/torch"
)

// Model is an encoder and its projection head. With CMC (Tian et al. 2019) it has one
// of each for luminance and for chrominance, and their outputs are concatenated.
type Model struct {
	Config   Config
	State    State
	Tape     *Tape // pieces that Backward still has to process
	branches []*branch
	modes    layers.Modes
}

// branch is an encoder for some of the image's channels, and its heads.
type branch struct {
	first, channels int
	encoder         backbone.Backbone
	head            *heads.Head
	jigsaw          *heads.Jigsaw // nil without Config.Jigsaw
}

// features returns the size of the branch's features.
func (br *branch) features() int {
	dims := br.encoder.Dims()
	return dims[len(dims)-1]
}

// New builds a network with seeded initial weights: convolutions by Kaiming's normal
// fan-out rule, linear layers by PyTorch's default, norms 1 and 0. The same seed gives
// the same weights on every machine. The error for an invalid field of c is an
// *OptionError.
func New(c Config, seed uint64) (*Model, error) {
	return build(c, rand.New(rand.NewPCG(seed, 0x6e6e)))
}

// build builds a network with initial values drawn by rng, or unset if rng is nil.
func build(c Config, rng *rand.Rand) (*Model, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	m := &Model{Config: c, Tape: &Tape{}}
	b := layers.NewBuilder(layers.Options{
		Rand: rng, Format: c.Format, Device: c.Device, Groups: c.Groups, Double: c.double,
	})
	var err error
	torch.Scoped(func() { err = m.build(b) })
	m.State, m.modes = b.State(), b.Modes()
	if err != nil {
		m.State.Free()
		return nil, err
	}
	return m, nil
}

// build makes all encoders, then all heads, then all jigsaw heads, which is PyTorch's
// order in the state dict.
func (m *Model) build(b layers.Builder) (err error) {
	c := m.Config
	o := backbone.Options{Width: c.Width, Multiplier: 1, Stem: c.Stem}
	if c.Checkpoint {
		o.Tape = m.Tape
	}
	numbers := []string{""}
	m.branches = []*branch{{channels: 3}}
	if c.Modal == "CMC" {
		numbers = []string{"1", "2"}
		m.branches = []*branch{{channels: 1}, {first: 1, channels: 2}}
		o.Multiplier = 0.5
	}
	for i, br := range m.branches {
		o.Channels = br.channels
		if br.encoder, err = backbone.New(b.At("encoder"+numbers[i]), c.Arch, o); err != nil {
			return err
		}
	}
	b = b.Stage(m.StageCount())
	for i, br := range m.branches {
		if br.head, err = heads.New(b.At("head"+numbers[i]), c.Head, br.features(), c.FeatDim); err != nil {
			return err
		}
	}
	for i, br := range m.branches {
		if !c.Jigsaw {
			break
		}
		at := b.At("head" + numbers[i] + "_jig")
		if br.jigsaw, err = heads.NewJigsaw(at, c.Head, br.features(), c.FeatDim); err != nil {
			return err
		}
	}
	return nil
}

// Dims returns the channels of the encoder's stages, summed over all branches.
func (m *Model) Dims() []int {
	dims := make([]int, m.StageCount())
	for _, br := range m.branches {
		for i, d := range br.encoder.Dims() {
			dims[i] += d
		}
	}
	return dims
}

// FeatureDim returns D, the size of the features before the head, summed over all
// branches.
func (m *Model) FeatureDim() int {
	dim := 0
	for _, br := range m.branches {
		dim += br.features()
	}
	return dim
}

// Branches returns the number of encoders: 1, or 2 with CMC.
func (m *Model) Branches() int { return len(m.branches) }

// Features maps images [N, 3, H, W] to the encoders' features [N, D], before the head.
func (m *Model) Features(x *torch.Tensor) *torch.Tensor {
	return m.each(x, func(_ int, _ *branch, features *torch.Tensor) *torch.Tensor { return features })
}

// Forward maps images [N, 3, H, W] to embeddings [N, d], with CMC [N, 2d].
func (m *Model) Forward(x *torch.Tensor) *torch.Tensor {
	return m.each(x, func(_ int, br *branch, features *torch.Tensor) *torch.Tensor { return br.head.Forward(features) })
}

// Outputs maps images [N, 3, H, W] to the encoders' features [N, D] and the embeddings [N, d] that the
// heads make of them, in one pass.
func (m *Model) Outputs(x *torch.Tensor) (features, embeddings *torch.Tensor) {
	var all []*torch.Tensor
	defer func() {
		for _, f := range all {
			f.Free()
		}
	}()
	embeddings = m.each(x, func(_ int, br *branch, f *torch.Tensor) *torch.Tensor {
		all = append(all, f.Keep())
		return br.head.Forward(f)
	})
	return torch.Cat(all, 1), embeddings
}

// ForwardJigsaw maps patches [9N, 3, h, w], nine consecutive rows per image, to
// embeddings [N, d], with CMC [N, 2d]. orders has one order of the rows per branch,
// int64 [9N], which permutes the patches of each image.
func (m *Model) ForwardJigsaw(x *torch.Tensor, orders []*torch.Tensor) *torch.Tensor {
	return m.each(x, func(i int, br *branch, features *torch.Tensor) *torch.Tensor {
		return br.jigsaw.Forward(features, orders[i])
	})
}

// each passes every branch's channels of x through its encoder and then through then,
// and concatenates the results.
func (m *Model) each(
	x *torch.Tensor, then func(i int, br *branch, features *torch.Tensor) *torch.Tensor,
) *torch.Tensor {
	return torch.Scoped1(func() *torch.Tensor {
		var out []*torch.Tensor
		for i, br := range m.branches {
			out = append(out, then(i, br, br.encoder.Features(m.input(br, x))))
		}
		if len(out) == 1 {
			return out[0]
		}
		return torch.Cat(out, 1)
	})
}

// Stages maps images [N, 3, H, W] to the feature maps of the encoder's stages, [N,
// Dims()[i], Hi, Wi]. The maps of CMC's encoders are concatenated.
func (m *Model) Stages(x *torch.Tensor) []*torch.Tensor {
	maps := m.branches[0].encoder.Stages(m.input(m.branches[0], x))
	for _, br := range m.branches[1:] {
		for i, y := range br.encoder.Stages(m.input(br, x)) {
			maps[i] = torch.Cat([]*torch.Tensor{maps[i], y}, 1)
		}
	}
	return maps
}

// input returns the channels of images x that a branch uses, as a new tensor.
func (m *Model) input(br *branch, x *torch.Tensor) *torch.Tensor {
	in := x.Narrow(1, br.first, br.channels)
	if m.Config.Format == torch.ChannelsLast {
		in = in.Contiguous(torch.ChannelsLast)
	}
	return in
}

// Free frees the network's tensors.
func (m *Model) Free() { m.State.Free() }
