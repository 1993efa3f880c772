// Package rcnn has the detectors by which pre-trained backbones are compared: Faster R-CNN
// (Ren et al., 2015) and Mask R-CNN (He et al., 2017) on the fourth stage of a ResNet (C4) or
// on a feature pyramid (FPN; Lin et al., 2017). Numbers, names and defaults are those of
// Detectron2 in the experiments of MoCo.
//
// A [Model] computes the losses of a batch for training, and the detections of images. Call
// it inside torch.Run, on one goroutine.
package rcnn

import (
	"fmt"
	"math"

	"contralens/internal/option"
	"contralens/nn/backbone"
	"contralens/torch"
)

// Kinds of detectors.
const (
	C4  = "c4"  // one map with stride 16; the backbone's last stage is the head
	FPN = "fpn" // a pyramid of maps with strides 4 to 64
)

// Options describe a detector. A number that is 0 has its default, unless 0 means something
// by itself.
type Options struct {
	Detector string  // C4 or FPN; default C4
	Arch     string  // of the backbone, a ResNet; default resnet50
	Width    float64 // multiplies the channels of backbone, pyramid and heads; default 1
	Classes  int     // K, without the background
	Masks    bool    // with a mask head

	FreezeAt    int  // the stem and res2 … res_n are not trained; 0: all are
	FrozenNorm  bool // the backbone's norms are constants
	ExtraNorm   bool // C4: a norm after res5, as in MoCo
	PyramidNorm bool // FPN: norms in the pyramid, as in MoCo
	Heads       Heads

	AnchorSizes  []float64 // C4: all on the one map, FPN: one a level; default 32, 64, 128, 256, 512
	AnchorRatios []float64 // of height to width; default 0.5, 1, 2
	Proposals    Proposals
	RoIs         int     // regions of an image that train the heads; default 512
	MinScore     float64 // detections with at most this score are dropped; default 0.05
	Detections   int     // at most so many in an image; default 100

	Format torch.MemoryFormat // of the convolutions' weights and activations
	Device torch.Device
	// Recompute is the number of the backbone's stages, from the stem, that the backward pass
	// computes again instead of keeping their activations (Chen et al., 2016); 0: none. The early
	// ones have most of the backbone's activations and little of its arithmetic.
	Recompute int
	Double    bool // float64 parameters and activations, for tests of exactness
}

// Heads have the sizes of the parts that are not in the backbone.
type Heads struct {
	BoxConvs  int  // FPN: 3x3 convolutions before the fully connected layers
	BoxFCs    int  // FPN: fully connected layers; default 2
	MaskConvs int  // FPN: 3x3 convolutions before the mask's up-sampling; default 4
	Norm      bool // FPN: norms after these convolutions
	Pyramid   int  // channels of the pyramid; default 256·Width
	ConvDim   int  // of the box head's convolutions; default 256·Width
	FCDim     int  // of the box head's layers; default 1024·Width
	MaskDim   int  // of the mask head; default 256·Width
}

// Box heads of a feature pyramid.
var (
	// TwoFC is the head of MoCo's paper.
	TwoFC = Heads{BoxFCs: 2, MaskConvs: 4}
	// FourConv is the head of PyContrast, DenseCL and the paper of this program.
	FourConv = Heads{BoxConvs: 4, BoxFCs: 1, MaskConvs: 4, Norm: true}
)

// Proposals are the settings of the region proposal network.
type Proposals struct {
	Anchors             int // of an image that train it; default 256
	TopTrain, TopTest   int // anchors a level that are decoded; default 12000 and 6000, FPN 2000 and 1000
	KeepTrain, KeepTest int // proposals after suppression; default 2000 and 1000, FPN 1000 and 1000
}

// The stages of a backbone, as FreezeAt counts them: stem, res2 … res5.
const stageCount = 5

// Thresholds of Detectron2.
const (
	proposalOverlap  = 0.7 // IoU above which proposals suppress one another
	detectionOverlap = 0.5 // likewise for detections of a class
	anchorFraction   = 0.5 // of the anchors that may be in the foreground
	roiFraction      = 0.25
)

func (o Options) withDefaults() Options {
	set := func(v *int, to int) {
		if *v == 0 {
			*v = to
		}
	}
	if o.Detector == "" {
		o.Detector = C4
	}
	if o.Arch == "" {
		o.Arch = "resnet50"
	}
	if o.Width == 0 {
		o.Width = 1
	}
	if len(o.AnchorSizes) == 0 {
		o.AnchorSizes = []float64{32, 64, 128, 256, 512}
	}
	if len(o.AnchorRatios) == 0 {
		o.AnchorRatios = []float64{0.5, 1, 2}
	}
	top := Proposals{256, 12000, 6000, 2000, 1000}
	if o.Detector == FPN {
		top = Proposals{256, 2000, 1000, 1000, 1000}
		set(&o.Heads.BoxFCs, 2)
		set(&o.Heads.MaskConvs, 4)
	}
	p, h := &o.Proposals, &o.Heads
	set(&p.Anchors, top.Anchors)
	set(&p.TopTrain, top.TopTrain)
	set(&p.TopTest, top.TopTest)
	set(&p.KeepTrain, top.KeepTrain)
	set(&p.KeepTest, top.KeepTest)
	set(&h.Pyramid, o.wide(256))
	set(&h.ConvDim, o.wide(256))
	set(&h.FCDim, o.wide(1024))
	set(&h.MaskDim, o.wide(256))
	set(&o.RoIs, 512)
	set(&o.Detections, 100)
	if o.MinScore == 0 {
		o.MinScore = 0.05
	}
	return o
}

// wide returns a number of channels for the width of the detector.
func (o Options) wide(channels int) int { return max(1, int(math.Round(float64(channels)*o.Width))) }

// check returns an error for the first option with an invalid value.
func (o Options) check() error {
	last := stageCount
	if o.Detector == C4 {
		last-- // res5 is the head
	}
	wrong := func(name, want string, got any) error {
		return &option.Error{Name: name, Want: want, Got: fmt.Sprint(got)}
	}
	levels := len(pyramidStrides)
	switch {
	case o.Detector != C4 && o.Detector != FPN:
		return option.Text("detector", C4+" or "+FPN, o.Detector)
	case o.Classes < 1:
		return wrong("classes", "at least one class", o.Classes)
	case o.FreezeAt < 0 || o.FreezeAt > last:
		return wrong("freeze_at", fmt.Sprintf("0 to %d, the stages before the head", last), o.FreezeAt)
	case o.Recompute < 0 || o.Recompute > stageCount:
		return wrong("recompute", fmt.Sprintf("0 to %d stages", stageCount), o.Recompute)
	case o.Detector == FPN && len(o.AnchorSizes) != levels:
		return wrong("anchor_sizes", fmt.Sprintf("%d sizes, one for each level", levels), o.AnchorSizes)
	case !positive(o.AnchorSizes) || !positive(o.AnchorRatios):
		return wrong("anchor_sizes", "sizes and ratios above 0", fmt.Sprint(o.AnchorSizes, o.AnchorRatios))
	case o.RoIs < 1 || o.Detections < 1 || o.Proposals.lowest() < 1:
		return wrong("rois", "positive numbers of regions, anchors, proposals and detections", o.RoIs)
	case o.Heads.lowest() < 0:
		return wrong("head", "sizes of at least 0", fmt.Sprint(o.Heads))
	}
	arch, _, err := backbone.Parse(o.Arch)
	if err != nil {
		return err
	}
	if resnet, known := backbone.FindResNet(arch.Name); !known || resnet.SplitStem > 0 {
		return option.Text("arch", "a ResNet, ResNeXt or wide ResNet", o.Arch)
	}
	return nil
}

func positive(values []float64) bool {
	for _, v := range values {
		if !(v > 0) {
			return false
		}
	}
	return true
}

func (p Proposals) lowest() int {
	return min(p.Anchors, p.TopTrain, p.TopTest, p.KeepTrain, p.KeepTest)
}

func (h Heads) lowest() int {
	return min(h.BoxConvs, h.BoxFCs, h.MaskConvs, h.Pyramid, h.ConvDim, h.FCDim, h.MaskDim)
}
