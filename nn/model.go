package nn

import (
	"fmt"
	"math/rand/v2"

	"contralens/torch"
)

// Config is what defines a network.
type Config struct {
	Arch    string             // a name of Arches, or one with x2 or x4; default resnet50
	Width   float64            // multiplies all channels, the stem's too; default 1
	Stem    string             // imagenet (7x7 stride 2, max pooling) or cifar (3x3 stride 1); default imagenet
	Head    string             // one of Heads; default linear
	FeatDim int                // size d of the embedding; default 128
	Format  torch.MemoryFormat // of the convolutions' weights and activations; default Contiguous
	Device  torch.Device       // default CPU
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
	return c
}

// Model is an encoder and its projection head.
type Model struct {
	Config  Config
	State   State
	encoder *resnet
	head    *head
	train   bool
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
	m := &Model{Config: c, train: true}
	torch.Scoped(func() {
		b := builder{state: &m.State, rng: rand.New(rand.NewPCG(seed, 0x6e6e)), format: c.Format, device: c.Device, train: &m.train}
		m.encoder = b.at("encoder").resnet(arch, width, c.Width, c.Stem == "cifar", 3)
		m.head, err = b.at("head").head(c.Head, m.encoder.dim, c.FeatDim)
	})
	if err != nil {
		m.State.Free()
		return nil, err
	}
	return m, nil
}

// Train sets whether batch norm uses the batch's statistics (and moves its
// running ones) or the running ones.
func (m *Model) Train(on bool) { m.train = on }

// FeatureDim is the width D of the features before the head.
func (m *Model) FeatureDim() int { return m.encoder.dim }

// Features maps images [N, 3, H, W] to the encoder's features [N, D].
func (m *Model) Features(x *torch.Tensor) *torch.Tensor {
	if m.Config.Format == torch.ChannelsLast {
		return torch.Scoped1(func() *torch.Tensor { return m.encoder.Forward(x.Contiguous(torch.ChannelsLast)) })
	}
	return m.encoder.Forward(x)
}

// Forward maps images [N, 3, H, W] to embeddings [N, d].
func (m *Model) Forward(x *torch.Tensor) *torch.Tensor {
	return torch.Scoped1(func() *torch.Tensor { return m.head.Forward(m.Features(x)) })
}

// Free releases the network's tensors.
func (m *Model) Free() { m.State.Free() }
