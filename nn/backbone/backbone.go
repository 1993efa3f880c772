// Package backbone implements the networks that turn images into features: ResNet and
// its relatives. New builds one by name; Register adds an architecture from outside.
package backbone

import (
	"fmt"
	"slices"
	"strings"

	"contralens/internal/option"
	"contralens/nn/layers"
	"contralens/torch"
)

// Backbone is a network without a head. It has up to MaxStages stages, each computed
// from the one before; stage 0 is the stem.
type Backbone interface {
	// Features maps images [N, C, H, W] to features [N, D], where D is the last of Dims. It
	// takes ownership of the images.
	Features(images *torch.Tensor) *torch.Tensor
	// Stages maps images [N, C, H, W] to the feature maps of all stages, [N, Dims()[i],
	// Hi, Wi]. It takes ownership of the images. With Options.Tape, the maps belong to
	// the tape.
	Stages(images *torch.Tensor) []*torch.Tensor
	// Dims returns the number of channels of each stage.
	Dims() []int
}

// Staged is a backbone whose stages can be computed one at a time, so that others can take a
// part of it: detectors apply its last stage to regions of a map.
type Staged interface {
	Backbone
	// Stage maps images (stage 0) or the map of the stage before to the map of stage i. x
	// belongs to the caller. With Options.Tape, the result belongs to the tape.
	Stage(i int, x *torch.Tensor) *torch.Tensor
}

// MaxStages is the maximum number of stages: a stem and four more, as in a ResNet.
const MaxStages = 5

// Options describe the backbone to build.
type Options struct {
	Channels   int     // of the images: 3 (RGB), or 1 and 2 (luminance and chrominance)
	Width      float64 // multiplies all channels, the stem's too; default 1
	Multiplier float64 // x2 or x4 in a name, 0.5 for two encoders side by side; default 1
	Stem       string  // imagenet (for large images) or cifar (for small ones); default imagenet
	// Tape records the backbone's pieces for activation checkpointing: each piece is
	// one call of Tape.Pass, which is a plain call if the tape is nil.
	Tape *layers.Tape
}

// Arch is an architecture that New builds by name.
type Arch struct {
	Name string
	// New builds the backbone; the layers of stage i are made by b.Stage(i). All
	// options are set.
	New func(b layers.Builder, o Options) (Backbone, error)
	// The options that the architecture supports. Other values of an option that it
	// does not support are errors.
	Widths bool // Width and Multiplier
	Stems  bool // stems other than imagenet
	Jigsaw bool // images of another size than it was trained on
}

var arches = resnetArches()

// Register adds an architecture. It panics if the name is taken or ends like a
// multiplier.
func Register(a Arch) {
	base, multiplier := split(a.Name)
	if _, known := find(base); known || multiplier != 1 || a.Name == "" || a.New == nil {
		panic(fmt.Sprintf("backbone %q: want a new name without x2 or x4 at its end, and a function New", a.Name))
	}
	arches = append(arches, a)
}

// Names returns the names of the architectures, those of this package first.
func Names() []string {
	names := make([]string, len(arches))
	for i, a := range arches {
		names[i] = a.Name
	}
	return names
}

// Parse splits a name such as "resnet50x2" into its architecture and its multiplier.
// The error for an unknown name is an *option.Error that lists the known ones.
func Parse(name string) (a Arch, multiplier float64, err error) {
	a, known := find(name)
	if known {
		return a, 1, nil
	}
	base, multiplier := split(name)
	if a, known = find(base); known && a.Widths {
		return a, multiplier, nil
	}
	var plain, wide []string
	for _, a := range arches {
		if a.Widths {
			wide = append(wide, a.Name)
		} else {
			plain = append(plain, a.Name)
		}
	}
	want := fmt.Sprintf("one of %s, each also with x2 or x4", strings.Join(wide, ", "))
	if len(plain) > 0 {
		want += ", or " + strings.Join(plain, ", ")
	}
	return Arch{}, 0, &option.Error{Name: "arch", Want: want, Got: fmt.Sprintf("%q", name)}
}

func find(name string) (Arch, bool) {
	i := slices.IndexFunc(arches, func(a Arch) bool { return a.Name == name })
	if i < 0 {
		return Arch{}, false
	}
	return arches[i], true
}

func split(name string) (base string, multiplier float64) {
	if s, ok := strings.CutSuffix(name, "x2"); ok {
		return s, 2
	}
	if s, ok := strings.CutSuffix(name, "x4"); ok {
		return s, 4
	}
	return name, 1
}

// New builds the backbone with the given name. An invalid option, or one that the
// architecture does not support, is an *option.Error.
func New(b layers.Builder, name string, o Options) (Backbone, error) {
	a, multiplier, err := Parse(name)
	if err != nil {
		return nil, err
	}
	o = o.withDefaults()
	o.Multiplier *= multiplier
	if err := o.check(a); err != nil {
		return nil, err
	}
	n, err := a.New(b, o)
	if err != nil {
		return nil, err
	}
	if stages := len(n.Dims()); stages < 1 || stages > MaxStages {
		return nil, fmt.Errorf("backbone %s: want 1 to %d stages, got %d", a.Name, MaxStages, stages)
	}
	return n, nil
}

func (o Options) withDefaults() Options {
	if o.Channels == 0 {
		o.Channels = 3
	}
	if o.Width == 0 {
		o.Width = 1
	}
	if o.Multiplier == 0 {
		o.Multiplier = 1
	}
	if o.Stem == "" {
		o.Stem = "imagenet"
	}
	return o
}

func (o Options) check(a Arch) error {
	switch {
	case !(o.Width > 0 && o.Width <= 8):
		return &option.Error{Name: "width", Want: "a number above 0 and at most 8", Got: fmt.Sprint(o.Width)}
	case o.Stem != "imagenet" && o.Stem != "cifar":
		return &option.Error{Name: "stem", Want: "imagenet or cifar", Got: fmt.Sprintf("%q", o.Stem)}
	case !a.Widths && o.Width != 1:
		return &option.Error{Name: "width", Want: fmt.Sprintf("1, the only width of %s", a.Name), Got: fmt.Sprint(o.Width)}
	case !a.Widths && o.Multiplier != 1:
		return &option.Error{Name: "arch", Want: "one that comes in half widths, for two encoders side by side", Got: a.Name}
	case !a.Stems && o.Stem != "imagenet":
		return &option.Error{Name: "stem", Want: "imagenet, since " + a.Name + " has one stem of its own", Got: o.Stem}
	}
	return nil
}
