// Package nn builds the networks of contrastive training: an encoder and its heads. New
// makes a Model from a Config; its State lists the tensors under the names of PyTorch's
// state dict.
//
// Its subpackages have the parts: layers the layers and the state dict, backbone the
// encoders, heads the projection heads and the predictor.
package nn

import (
	"fmt"

	"contralens/internal/option"
	"contralens/nn/backbone"
	"contralens/nn/heads"
	"contralens/nn/layers"
	"contralens/torch"
)

// Types of package layers that every user of a network needs.
type (
	// State is a network's tensors in the order of PyTorch's state_dict.
	State = layers.State
	// Entry is one named tensor of a State.
	Entry = layers.Entry
	// Tape records the pieces of a forward pass with activation checkpointing.
	Tape = layers.Tape
	// OptionError is the error of a Config field with an invalid value. It names the
	// field as an option, such as "feat_dim".
	OptionError = option.Error
)

// JigsawPatches is the number of patches that an image is cut into.
const JigsawPatches = heads.JigsawPatches

// Config defines a network.
type Config struct {
	Arch       string             // a name from backbone.Names, optionally with x2 or x4; default resnet50
	Width      float64            // multiplies all channels, the stem's too; default 1
	Stem       string             // imagenet (7x7 stride 2, max pooling) or cifar (3x3 stride 1); default imagenet
	Head       string             // a name from heads.Names; default linear
	FeatDim    int                // size d of the embedding; default 128
	Modal      string             // RGB, or CMC for two half-width encoders of luminance and chrominance; default RGB
	Jigsaw     bool               // with a head for shuffled patches; default false
	Groups     int                // parts of a batch with separate batch-norm statistics (split batch norm); default 1
	Format     torch.MemoryFormat // of the convolutions' weights and activations; default Contiguous
	Device     torch.Device       // default CPU
	Checkpoint bool               // activation checkpointing of blocks through Model.Tape; default false

	double bool // float64 parameters and activations, for tests of exactness
}

// Format returns the memory format with that name: Contiguous for "contiguous", and
// ChannelsLast for anything else.
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

// check returns an error for the first field with an invalid value. The encoder's own
// options are checked by backbone.New.
func (c Config) check() error {
	arch, _, err := backbone.Parse(c.Arch)
	switch {
	case err != nil:
		return err
	case c.FeatDim < 1:
		return &OptionError{Name: "feat_dim", Want: "at least 1", Got: fmt.Sprint(c.FeatDim)}
	case c.Modal != "RGB" && c.Modal != "CMC":
		return &OptionError{Name: "modal", Want: "RGB or CMC", Got: fmt.Sprintf("%q", c.Modal)}
	case c.Modal == "CMC" && !arch.Widths:
		return &OptionError{Name: "modal", Want: "RGB, since " + arch.Name + " has no half-width encoders", Got: "CMC"}
	case c.Jigsaw && !arch.Jigsaw:
		return &OptionError{Name: "jigsaw", Want: "false, since " + arch.Name + " takes images of one size", Got: "true"}
	}
	return nil
}
