package protocol

import (
	"fmt"
	"slices"

	"contralens/checkpoint"
	encoders "contralens/checkpoint/weights"
	"contralens/config"
	"contralens/detect"
	"contralens/detect/rcnn"
	detectors "contralens/detect/train"
	"contralens/detect/weights"
	"contralens/internal/humanize"
	"contralens/nn"
	"contralens/setup"
	"contralens/torch"
)

// options returns the detector that the options describe.
func options(c *config.DetectTrain, classes int) (o rcnn.Options, err error) {
	device, err := setup.Device(c.Machine)
	if err != nil {
		return o, err
	}
	o = rcnn.Options{
		Detector: c.Detector, Arch: c.Arch, Width: c.Width, Classes: classes, Masks: c.Masks, FreezeAt: c.FreezeAt,
		FrozenNorm: c.Norm == "frozen", ExtraNorm: c.ExtraNorm && c.Detector == rcnn.C4,
		PyramidNorm: c.Detector == rcnn.FPN && c.Norm == "bn", RoIs: c.RoIs,
		Proposals: rcnn.Proposals{
			Anchors: c.Anchors, TopTrain: c.TopTrain[0], KeepTrain: c.TopTrain[1], TopTest: c.TopTest[0], KeepTest: c.TopTest[1],
		},
		AnchorSizes: floats(c.Sizes), Format: nn.Format(c.MemoryFormat), Device: device,
		Recompute: c.Recompute,
	}
	if c.Detector == rcnn.FPN {
		o.Heads = rcnn.TwoFC
		if c.BoxHead == "4conv1fc" {
			o.Heads = rcnn.FourConv
		}
	}
	return o, nil
}

func floats(all []int) []float64 {
	f := make([]float64, len(all))
	for i, n := range all {
		f[i] = float64(n)
	}
	return f
}

// encoder is the encoder on which a detector is trained, before it is loaded; nil without one.
type encoder struct {
	found  *encoders.Encoder
	record detectors.EncoderRecord
	notes  []string
}

// openEncoder opens the encoder's checkpoint and sets the options of its network.
func openEncoder(c *config.DetectTrain, set map[string]bool) (*encoder, error) {
	if c.Ckpt == "" {
		return nil, nil
	}
	file, err := encoders.Open(c.Ckpt, "")
	if err != nil {
		return nil, err
	}
	e := &encoder{record: detectors.EncoderRecord{Path: c.Ckpt, Epoch: file.Epoch}}
	if e.found, err = file.EncoderAt(c.Prefix, c.UseEMA); err != nil {
		return nil, err
	}
	if n := len(e.found.Left); c.Strict && n > 0 {
		return nil, fmt.Errorf("--strict: want nothing in %s but an encoder and its head, found %s besides, such as %s",
			c.Ckpt, humanize.Count(n, "tensor"), humanize.Text(e.found.Left[0]))
	}
	net, err := file.Network(e.found)
	if err != nil {
		return nil, err
	}
	switch {
	case net.Modal != "RGB":
		return nil, fmt.Errorf("--ckpt %s: want an encoder of RGB, got one of %s, which has two networks", c.Ckpt, net.Modal)
	case net.Stem != "imagenet":
		return nil, fmt.Errorf("--ckpt %s: want an encoder with the stem of ImageNet, got one with stem %s: its maps are "+
			"four times as large, so that anchors and regions do not fit; pre-train one with --stem imagenet", c.Ckpt, net.Stem)
	}
	if set["arch"] && c.Arch != net.Arch || set["width"] && c.Width != net.Width {
		return nil, fmt.Errorf("--ckpt %s: want --arch %s --width %v, as the encoder is, got --arch %s --width %v",
			c.Ckpt, net.Arch, net.Width, c.Arch, c.Width)
	}
	c.Arch, c.Width = net.Arch, net.Width
	if e.record.SHA256, err = checkpoint.SHA256(c.Ckpt); err != nil {
		return nil, err
	}
	e.notes = e.found.Notes(file)
	return e, nil
}

// build builds the detector on its encoder, in float64 if double is set.
func build(c *config.DetectTrain, classes int, e *encoder, double bool) (*detector, error) {
	o, err := options(c, classes)
	if err != nil {
		return nil, err
	}
	o.Double = double
	m, err := rcnn.New(o, c.Seed)
	if err != nil {
		return nil, err
	}
	if e != nil {
		if err := weights.LoadEncoder(e.found, m.State); err != nil {
			m.Free()
			return nil, err
		}
	}
	return &detector{m, setup.Dtype(c.Precision)}, nil
}

// detector computes a model in a precision. It is a Model of package train.
type detector struct {
	*rcnn.Model
	dtype torch.Dtype
}

func (d *detector) autocast(f func()) { torch.Autocast(d.Options.Device, d.dtype, f) }

// State returns all tensors.
func (d *detector) State() nn.State { return d.Model.State }

// Trained returns the parameters that are trained.
func (d *detector) Trained() nn.State { return d.Model.Trained() }

// Device returns where the model computes.
func (d *detector) Device() torch.Device { return d.Options.Device }

// Backward computes the gradients of a loss.
func (d *detector) Backward(loss *torch.Tensor) { d.Model.Backward(loss, d.autocast) }

// Losses computes the losses of a batch.
func (d *detector) Losses(b *detect.Batch, seed uint64, step int) (l detectors.Losses, err error) {
	var r rcnn.Losses
	d.autocast(func() { r, err = d.Model.Losses(b, rcnn.Random(seed, step)) })
	if err != nil {
		return l, err
	}
	n := float64(max(1, r.Counts.Images))
	l = detectors.Losses{
		Terms: []detectors.Term{
			{Name: "loss_cls", Value: r.Class}, {Name: "loss_box_reg", Value: r.Box},
			{Name: "loss_rpn_cls", Value: r.RPNClass}, {Name: "loss_rpn_loc", Value: r.RPNBox},
		},
		Foreground: float64(r.Counts.ForegroundRegions) / n, Background: float64(r.Counts.BackgroundRegions) / n,
		Anchors: float64(r.Counts.ForegroundAnchors) / n, Classified: r.Classified,
	}
	if r.Mask != nil {
		l.Terms = slices.Insert(l.Terms, 2, detectors.Term{Name: "loss_mask", Value: r.Mask})
	}
	return l, nil
}

// MeasureNorms replaces the running statistics of the norms by those over n batches.
func (d *detector) MeasureNorms(n int, seed uint64, next func() (*detect.Batch, error)) (err error) {
	d.autocast(func() {
		err = d.PreciseNorms(n, func(i int) (*detect.Batch, rcnn.Draw, error) {
			b, err := next()
			return b, rcnn.Random(seed, i), err
		})
	})
	return err
}
