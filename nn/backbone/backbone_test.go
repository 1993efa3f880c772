package backbone

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"contralens/internal/golden"
	"contralens/internal/option"
	"contralens/internal/tensortest"
	"contralens/nn/layers"
	"contralens/torch"
)

// flat is a backbone without any option: the mean color, times one trained factor per
// channel.
type flat struct{ norm *layers.BatchNorm }

func (f flat) Dims() []int { return []int{3} }
func (f flat) Features(x *torch.Tensor) *torch.Tensor {
	return f.norm.Forward(x.MeanDim([]int{2, 3}, false))
}
func (f flat) Stages(x *torch.Tensor) []*torch.Tensor { return []*torch.Tensor{f.norm.Forward(x)} }

func registerFlat(t *testing.T) {
	t.Helper()
	before := arches
	t.Cleanup(func() { arches = before })
	arches = slices.Clone(arches)
	Register(Arch{Name: "flat", New: func(b layers.Builder, _ Options) (Backbone, error) {
		return flat{b.Stage(0).BatchNorm("norm", 3)}, nil
	}})
}

// An option that a backbone does not support is an error that says so.
func TestOptions(t *testing.T) {
	registerFlat(t)
	for _, c := range []struct {
		name string
		o    Options
		want string // "" for none
	}{
		{"flat", Options{}, ""},
		{"flat", Options{Width: 0.5}, "width: want 1, the only width of flat, got 0.5"},
		{"flat", Options{Stem: "cifar"}, "stem: want imagenet, since flat has one stem of its own, got cifar"},
		{"flat", Options{Multiplier: 0.5}, "arch: want one that comes in half widths, for two encoders"},
		{"flatx2", Options{}, `wide_resnet101_2, each also with x2 or x4, or flat, got "flatx2"`},
		{"resnet18", Options{Width: 9}, "width: want a number above 0 and at most 8, got 9"},
		{"resnet18", Options{Stem: "small"}, `stem: want imagenet or cifar, got "small"`},
		{"resnet19", Options{}, `arch: want one of resnet18, resnet34, `},
	} {
		tensortest.Run(t, func() {
			b := layers.NewBuilder(layers.Options{})
			defer func() { b.State().Free() }()
			_, err := New(b, c.name, c.o)
			var value *option.Error
			switch {
			case c.want == "" && err != nil, c.want != "" && !errors.As(err, &value):
				t.Errorf("%s %+v: error %v", c.name, c.o, err)
			case c.want != "" && !strings.Contains(err.Error(), c.want):
				t.Errorf("%s %+v: error %q, want %q in it", c.name, c.o, err, c.want)
			}
		})
	}
}

// A name can be registered only once, and must not look like a width.
func TestRegister(t *testing.T) {
	registerFlat(t)
	if a, multiplier, err := Parse("flat"); a.Name != "flat" || multiplier != 1 || err != nil {
		t.Errorf("parsed %q times %v, error %v", a.Name, multiplier, err)
	}
	if names := Names(); names[len(names)-1] != "flat" {
		t.Errorf("names %q, want flat at the end", names)
	}
	for _, name := range []string{"flat", "resnet18", "flatterx2", ""} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q was registered", name)
				}
			}()
			Register(Arch{Name: name, New: arches[0].New})
		}()
	}
}

// Stages are the feature maps on the way to the features. Gradients reach the stem from
// each of them, with and without checkpointing.
func TestStages(t *testing.T) {
	for _, name := range []string{"resnet18", "resnet50", "resnest50"} {
		var plain []float32 // the stem's gradient
		for _, tape := range []*layers.Tape{nil, {}} {
			tensortest.Run(t, func() {
				b := layers.NewBuilder(layers.Options{Rand: rand.New(rand.NewPCG(1, 1))})
				n, err := New(b, name, Options{Width: 0.125, Tape: tape})
				if err != nil {
					t.Fatal(err)
				}
				defer b.State().Free()
				b.Modes().Set(func(int) bool { return false })
				image := torch.Zeros([]int{2, 3, 64, 64}).Normal_(0, 1, torch.NewGenerator(1, torch.CPU))
				stages := n.Stages(image.Clone())
				if len(stages) != MaxStages {
					t.Fatalf("%s: %d stages", name, len(stages))
				}
				for i, y := range stages {
					side := []int{16, 16, 8, 4, 2}[i]
					if want := []int{2, n.Dims()[i], side, side}; !slices.Equal(y.Shape(), want) {
						t.Errorf("%s: stage %d is %v, want %v", name, i, y.Shape(), want)
					}
				}
				var f *torch.Tensor
				torch.NoGrad(func() { f = n.Features(image) })
				if want := stages[4].MeanDim([]int{2, 3}, false).Float32s(); !slices.Equal(f.Float32s(), want) {
					t.Errorf("%s: features are not the mean of the last stage", name)
				}
				first := b.State()[0].Tensor
				loss := stages[0].Sum()
				for _, y := range stages[1:] {
					loss = loss.Add(y.Sum())
				}
				loss.Backward()
				if tape != nil {
					tape.Backward(func(f func()) { f() })
				}
				if g := first.Grad(); g == nil || g.Norm().Item() == 0 {
					t.Errorf("%s: no gradient at the stem", name)
				}
				if tape == nil {
					plain = first.Grad().Float32s()
				} else {
					golden.Near(t, name+": the stem's gradient", first.Grad().Float32s(), plain, 1e-5)
				}
			})
		}
	}
}
