package nn

import (
	"fmt"
	"math/rand/v2"

	"contralens/torch"
)

// Config is what defines a network.
type Config struct {
	Arch       string             // a name of Arches, or one with x2 or x4; default resnet50
	Width      float64            // multiplies all channels, the stem's too; default 1
	Stem       string             // imagenet (7x7 stride 2, max pooling) or cifar (3x3 stride 1); default imagenet
	Head       string             // one of Heads; default linear
	FeatDim    int                // size d of the embedding; default 128
	Modal      string             // RGB, or CMC for two half-width encoders of luminance and chrominance; default RGB
	Jigsaw     bool               // with a head for shuffled patches
	Groups     int                // parts of a batch with batch-norm statistics of their own (split batch norm); default 1
	Format     torch.MemoryFormat // of the convolutions' weights and activations; default Contiguous
	Device     torch.Device       // default CPU
	Checkpoint bool               // stem and residual blocks are pieces of Model.Tape (activation check-pointing); default false

	double bool // float64 parameters and activations, for tests of exactness
}

// Format is the memory format that an option or a file names: channels-last unless
// it says contiguous.
func Format(name string) torch.MemoryFormat {
	if name == "contiguous" {
		return torch.Contiguous
	}
	return torch.ChannelsLast
}

func (c Config) withDefaults() Config {
	if c.Arch == "" {
		c.Arch = "resnet50"
	}
	if c.Width == 0 {
		c.Width = 1
	}
	if c.Stem == "" {
		c.Stem = "imagenet"
	}
	if c.Head == "" {
		c.Head = "linear"
	}
	if c.FeatDim == 0 {
		c.FeatDim = 128
	}
	if c.Modal == "" {
		c.Modal = "RGB"
	}
	return c
}

// Model is an encoder and its projection head, or with CMC (Tian et al. 2019)
// one of each for luminance and for chrominance, whose outputs stand side by
// side.
type Model struct {
	Config   Config
	State    State
	Tape     *Tape // what a loss's Backward leaves to do
	branches []*branch
	train    bool // of the heads
}

// branch is an encoder that sees some of the image's channels, and its heads.
type branch struct {
	first, channels int
	encoder         *resnet
	head            *head
	jigsaw          *jigsawHead // nil without Config.Jigsaw
}

// New builds a network with freshly drawn weights: convolutions by Kaiming's
// normal fan-out rule, linear layers by PyTorch's default, batch norm 1 and 0.
// The same seed gives the same weights on every machine.
func New(c Config, seed uint64) (*Model, error) {
	c = c.withDefaults()
	arch, width, err := ParseArch(c.Arch)
	if err != nil {
		return nil, err
	}
	if !(c.Width > 0 && c.Width <= 8) {
		return nil, fmt.Errorf("--width: want a number above 0 and at most 8, got %v", c.Width)
	}
	if c.Stem != "imagenet" && c.Stem != "cifar" {
		return nil, fmt.Errorf("--stem: want imagenet or cifar, got %q", c.Stem)
	}
	if c.FeatDim < 1 {
		return nil, fmt.Errorf("--feat_dim: want at least 1, got %d", c.FeatDim)
	}
	if c.Modal != "RGB" && c.Modal != "CMC" {
		return nil, fmt.Errorf("--modal: want RGB or CMC, got %q", c.Modal)
	}
	m := &Model{Config: c, Tape: &Tape{}}
	torch.Scoped(func() {
		b := builder{state: &m.State, rng: rand.New(rand.NewPCG(seed, 0x6e6e)), format: c.Format, device: c.Device, train: &m.train, groups: c.Groups, double: c.double}
		err = m.build(b, arch, width)
	})
	if err != nil {
		m.State.Free()
		return nil, err
	}
	m.Train(true)
	return m, nil
}

// build makes all encoders, then all heads, then all jigsaw heads: PyTorch's
// order in the state dict.
func (m *Model) build(b builder, arch Arch, width float64) (err error) {
	c := m.Config
	numbers := []string{""}
	m.branches = []*branch{{channels: 3}}
	if c.Modal == "CMC" {
		numbers = []string{"1", "2"}
		m.branches = []*branch{{channels: 1}, {first: 1, channels: 2}}
		width /= 2
	}
	for i, br := range m.branches {
		br.encoder = b.at("encoder"+numbers[i]).resnet(arch, width, c.Width, c.Stem == "cifar", br.channels)
		if c.Checkpoint {
			br.encoder.tape = m.Tape
		}
	}
	for i, br := range m.branches {
		if br.head, err = b.at("head"+numbers[i]).head(c.Head, br.encoder.dim, c.FeatDim); err != nil {
			return err
		}
	}
	for i, br := range m.branches {
		if !c.Jigsaw {
			break
		}
		if br.jigsaw, err = b.at("head"+numbers[i]+"_jig").jigsawHead(c.Head, br.encoder.dim, c.FeatDim); err != nil {
			return err
		}
	}
	return nil
}

// FeatureDim is the width D of the features before the head, over all branches.
func (m *Model) FeatureDim() int {
	dim := 0
	for _, br := range m.branches {
		dim += br.encoder.dim
	}
	return dim
}

// Branches is the number of encoders: 1, or 2 with CMC.
func (m *Model) Branches() int { return len(m.branches) }

// Features maps images [N, 3, H, W] to the encoders' features [N, D].
func (m *Model) Features(x *torch.Tensor) *torch.Tensor {
	return m.each(x, func(_ int, _ *branch, features *torch.Tensor) *torch.Tensor { return features })
}

// Forward maps images [N, 3, H, W] to embeddings [N, d], with CMC [N, 2d].
func (m *Model) Forward(x *torch.Tensor) *torch.Tensor {
	return m.each(x, func(_ int, br *branch, features *torch.Tensor) *torch.Tensor { return br.head.Forward(features) })
}

// ForwardJigsaw maps patches [9N, 3, h, w], an image's nine in a row, to
// embeddings [N, d], with CMC [N, 2d]. orders has for each branch the order of
// the rows, int64 [9N], which moves them within their images only.
func (m *Model) ForwardJigsaw(x *torch.Tensor, orders []*torch.Tensor) *torch.Tensor {
	return m.each(x, func(i int, br *branch, features *torch.Tensor) *torch.Tensor {
		return br.jigsaw.Forward(features, orders[i])
	})
}

// each sends every branch's channels of x through its encoder and then, and puts
// the results side by side.
func (m *Model) each(x *torch.Tensor, then func(i int, br *branch, features *torch.Tensor) *torch.Tensor) *torch.Tensor {
	return torch.Scoped1(func() *torch.Tensor {
		var out []*torch.Tensor
		for i, br := range m.branches {
			in := x.Narrow(1, br.first, br.channels)
			if m.Config.Format == torch.ChannelsLast {
				in = in.Contiguous(torch.ChannelsLast)
			}
			out = append(out, then(i, br, br.encoder.Forward(in)))
		}
		if len(out) == 1 {
			return out[0]
		}
		return torch.Cat(out, 1)
	})
}

// Free releases the network's tensors.
func (m *Model) Free() { m.State.Free() }
