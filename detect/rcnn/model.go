package rcnn

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"contralens/detect"
	"contralens/detect/box"
	"contralens/nn/backbone"
	"contralens/nn/layers"
	"contralens/torch"
)

// Model is a detector. Its tensors have the names of Detectron2.
type Model struct {
	Options Options
	State   layers.State

	modes    layers.Modes
	group    Group // of a world, or nil
	together bool  // its processes normalize together
	tape     *layers.Tape
	body     backbone.Staged
	pyramid  *pyramid // nil in C4
	rpn      *rpn
	heads    heads
	mask     *maskHead // nil without masks
}

// New builds a detector with seeded initial values: convolutions of the backbone by Kaiming's
// rule, the rest as in Detectron2. An invalid option is an *option.Error.
func New(o Options, seed uint64) (*Model, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	m := &Model{Options: o, tape: &layers.Tape{}}
	b := layers.NewBuilder(layers.Options{
		Rand: rand.New(rand.NewPCG(seed, 0x72636e6e)), Format: o.Format, Device: o.Device, Double: o.Double,
		Rename: o.rename,
	})
	var err error
	torch.Scoped(func() { err = m.build(b) })
	m.State, m.modes = b.State(), b.Modes()
	if err != nil {
		m.State.Free()
		return nil, err
	}
	m.Train(true)
	for _, e := range m.State {
		if !e.Buffer {
			e.Tensor.SetRequiresGrad(m.trains(e))
		}
	}
	return m, nil
}

// bodyPrefix is the prefix of the backbone's names before they are renamed.
const bodyPrefix = "body."

// rename maps the names of the backbone to Detectron2's: in C4, res5 is part of the head.
func (o Options) rename(name string) string {
	name, found := strings.CutPrefix(name, bodyPrefix)
	if !found {
		return name
	}
	name = backbone.Detectron2Name(name)
	switch {
	case o.Detector == FPN:
		return "backbone.bottom_up." + name
	case strings.HasPrefix(name, "res5."):
		return "roi_heads." + name
	}
	return "backbone." + name
}

func (m *Model) build(b layers.Builder) error {
	o := m.Options
	from := backbone.Options{Width: o.Width}
	if o.Recompute > 0 {
		from.Tape = m.tape
	}
	body, err := backbone.New(b.At(strings.TrimSuffix(bodyPrefix, ".")), o.Arch, from)
	if err != nil {
		return err
	}
	staged, ok := body.(backbone.Staged)
	if !ok || len(body.Dims()) != stageCount {
		return fmt.Errorf("arch %s: want a backbone with %d stages that can be computed one at a time", o.Arch, stageCount)
	}
	m.body = staged
	b = b.Stage(stageCount)
	dims := body.Dims()
	if o.Detector == FPN {
		m.pyramid = newPyramid(b.At("backbone"), o, dims[1:])
		m.rpn = newRPN(b, o, o.Heads.Pyramid, m.pyramid.anchors(o), pyramidStrides[:])
		m.heads = newPyramidHeads(b.At("roi_heads"), o)
	} else {
		cells := [][]box.Box{box.Cell(o.AnchorSizes, o.AnchorRatios)}
		m.rpn = newRPN(b, o, dims[3], cells, []int{c4Stride})
		m.heads = newC4Heads(b.At("roi_heads"), o, staged)
	}
	if o.Masks {
		m.mask = newMaskHead(b.At("roi_heads").At("mask_head"), o, m.heads.maskInput())
	}
	return nil
}

// frozen reports whether a stage of the backbone is not trained.
func (m *Model) frozen(stage int) bool { return stage < m.Options.FreezeAt }

// constantNorms reports whether the norms of a stage are constants.
func (m *Model) constantNorms(stage int) bool {
	return m.frozen(stage) || m.Options.FrozenNorm && stage < stageCount
}

func (m *Model) trains(e layers.Entry) bool {
	return !m.frozen(e.Stage) && !(detect.IsNorm(e.Name) && m.constantNorms(e.Stage))
}

// Train sets whether norms use the statistics of a batch and update the running ones. Those
// that are frozen never do.
func (m *Model) Train(on bool) {
	m.modes.Set(func(stage int) bool { return on && !m.constantNorms(stage) })
}

// Trained returns the parameters that are trained, in the order of State.
func (m *Model) Trained() layers.State {
	return slices.DeleteFunc(slices.Clone(m.State), func(e layers.Entry) bool { return e.Buffer || !m.trains(e) })
}

// SizeDivisor returns the number by which the sides of a padded batch must be divisible: 32
// for a pyramid, whose maps are doubled in size again, and 1 otherwise.
func (m *Model) SizeDivisor() int {
	if m.pyramid != nil {
		return 32
	}
	return 1
}

// Backward computes the gradients of a loss from Losses.
func (m *Model) Backward(loss *torch.Tensor, recorded func(f func())) {
	loss.Backward()
	m.tape.Backward(recorded)
}

// Free frees the network's tensors.
func (m *Model) Free() {
	m.tape.Drop()
	m.State.Free()
}

// maps returns the maps of images [N, 3, H, W] from which regions are taken: res4 in C4, p2 …
// p6 in FPN.
func (m *Model) maps(images *torch.Tensor) []*torch.Tensor {
	last := stageCount - 1
	if m.pyramid == nil {
		last--
	}
	x := images
	var stages []*torch.Tensor
	for i := range last + 1 {
		m.tape.Off = i >= m.Options.Recompute
		stage := func() {
			before := x
			x = m.body.Stage(i, x)
			if m.pyramid == nil && i > 0 && !torch.GradEnabled() {
				before.Free() // C4 needs the last map alone
			}
		}
		if m.frozen(i) {
			torch.NoGrad(stage)
		} else {
			stage()
		}
		stages = append(stages, x)
	}
	m.tape.Off = m.Options.Recompute < stageCount // for res5 in the heads
	if m.pyramid == nil {
		return stages[last:]
	}
	return m.pyramid.forward(stages[1:])
}

// full returns x in float32 if it has half the bits, and x itself otherwise.
func full(x *torch.Tensor) *torch.Tensor {
	if x.Dtype().Half() {
		return x.To(torch.Float32)
	}
	return x
}
