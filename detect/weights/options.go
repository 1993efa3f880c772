// Package weights reads and recognizes the weights of detectors: checkpoints of this program
// and of Detectron2, whose names both have, and the encoders on which detectors are trained.
package weights

import (
	"fmt"
	"slices"
	"strings"

	"contralens/checkpoint"
	encoders "contralens/checkpoint/weights"
	"contralens/detect/rcnn"
	"contralens/nn"
	"contralens/rundir"
)

// File is the checkpoint of a detector.
type File struct {
	Path      string
	Options   rcnn.Options      // by names and shapes, which do not tell the sizes of anchors
	Classes   []string          // names of the outputs; nil if the file does not say
	Config    map[string]string // options of the training; nil if it is not ours
	Iteration int               // completed ones; 0 if unknown
	tensors   map[string]*checkpoint.Tensor
}

// record is what the record of our files says about a detector.
type record struct {
	rundir.CheckpointRecord
	Classes []string `key:"classes"`
}

// Open reads a detector: a file of this program, or one of Detectron2 with a ResNet in
// torchvision's layout. Call it within torch.Run.
func Open(path string) (*File, error) {
	file, err := encoders.Open(path, "")
	if err != nil {
		return nil, err
	}
	f := &File{Path: path, tensors: map[string]*checkpoint.Tensor{}}
	for _, g := range file.Groups() {
		if f.take(g); len(f.tensors) > 0 {
			break
		}
	}
	if len(f.tensors) == 0 {
		return nil, fmt.Errorf("checkpoint %s: want a detector, with proposal_generator.rpn_head and "+
			"roi_heads.box_predictor, found none; contralens detect train trains one on an encoder", path)
	}
	if err := f.caffe(); err != nil {
		return nil, err
	}
	encoder, err := file.EncoderAt("", false)
	if err != nil {
		return nil, err
	}
	net, err := encoder.Network()
	if err != nil {
		return nil, err
	}
	var r record
	if rundir.DecodeRecord(file.Tree, &r) != nil { // its anchors may be others than usual
		f.Config, f.Classes, f.Iteration = r.Config, r.Classes, r.GlobalStep
	} else if last, ok := file.Tree.Get("iteration").(int); ok {
		f.Iteration = last + 1
	}
	if err := f.recognize(net.Arch, net.Width); err != nil {
		return nil, err
	}
	return f, nil
}

// BesidesEncoder returns how many tensors of a file are those of a detector that belong to no
// encoder; 0 if it has no detector.
func BesidesEncoder(file *encoders.File) int {
	f := &File{tensors: map[string]*checkpoint.Tensor{}}
	for _, g := range file.Groups() {
		f.take(g)
	}
	s := make(nn.State, 0, len(f.tensors))
	for name := range f.tensors {
		s = append(s, nn.Entry{Name: name})
	}
	return len(s) - len(body(s))
}

// take takes the tensors of a dictionary that has a detector.
func (f *File) take(g encoders.Group) {
	const mark = "proposal_generator.rpn_head.conv.weight"
	at := slices.IndexFunc(g.Tensors, func(i checkpoint.Item) bool { return strings.HasSuffix(i.Key.(string), mark) })
	if at < 0 {
		return
	}
	prefix := strings.TrimSuffix(g.Tensors[at].Key.(string), mark)
	for _, i := range g.Tensors {
		if name, ok := strings.CutPrefix(i.Key.(string), prefix); ok {
			f.tensors[name] = i.Value.(*checkpoint.Tensor)
		}
	}
}

// caffe refuses a network whose input is that of Caffe2: BGR of 0…255 without a deviation.
// Its residual blocks have the stride in another place, which no name or shape tells.
func (f *File) caffe() error {
	if std := f.tensors["pixel_std"]; std != nil && slices.Max(std.Float32s()) <= 1 {
		return fmt.Errorf("checkpoint %s: want a network for RGB with PyTorch's normalization, but its pixel_std is %v: "+
			"it continues Caffe2's weights, whose blocks have their stride in another convolution", f.Path, std.Float32s())
	}
	return nil
}

// shape returns the shape of a tensor, and nil if there is none.
func (f *File) shape(name string) []int {
	if t := f.tensors[name]; t != nil {
		return t.Shape
	}
	return nil
}

// rows returns the first size of a tensor, and 0 if there is none.
func (f *File) rows(name string) int {
	if s := f.shape(name); len(s) > 0 {
		return s[0]
	}
	return 0
}

// count counts the layers called prefix1, prefix2, ….
func (f *File) count(prefix string) (n int) {
	for f.shape(fmt.Sprintf("%s%d.weight", prefix, n+1)) != nil {
		n++
	}
	return n
}

// The names that tell variants apart.
const (
	rpnHead  = "proposal_generator.rpn_head."
	boxHead  = "roi_heads.box_head."
	maskHead = "roi_heads.mask_head."
	scores   = "roi_heads.box_predictor.cls_score.weight"
)

// ratios is the number of aspect ratios of anchors: 0.5, 1 and 2.
const ratios = 3

// recognize finds the options by names and shapes.
func (f *File) recognize(arch string, width float64) error {
	o := &f.Options
	*o = rcnn.Options{Detector: rcnn.C4, Arch: arch, Width: width, Classes: f.rows(scores) - 1}
	if o.Classes < 1 {
		return fmt.Errorf("checkpoint %s: want a detector of at least one class, got %s with shape %v", f.Path, scores,
			f.shape(scores))
	}
	o.Masks = f.shape(maskHead+"predictor.weight") != nil
	o.ExtraNorm = f.shape("roi_heads.res5.norm.weight") != nil
	if f.shape("backbone.fpn_lateral2.weight") != nil {
		o.Detector = rcnn.FPN
		o.PyramidNorm = f.shape("backbone.fpn_lateral2.norm.weight") != nil
		o.Heads = rcnn.Heads{
			BoxConvs: f.count(boxHead + "conv"), BoxFCs: f.count(boxHead + "fc"), MaskConvs: f.count(maskHead + "mask_fcn"),
			Norm:    f.shape(boxHead+"conv1.norm.weight") != nil || f.shape(maskHead+"mask_fcn1.norm.weight") != nil,
			Pyramid: f.rows("backbone.fpn_output2.weight"), ConvDim: f.rows(boxHead + "conv1.weight"),
			FCDim: f.rows(boxHead + "fc1.weight"),
		}
	}
	if s := f.shape(maskHead + "predictor.weight"); len(s) == 4 {
		o.Heads.MaskDim = s[1]
	}
	sizes := 5
	if o.Detector == rcnn.FPN {
		sizes = 1
	}
	if a := f.rows(rpnHead + "objectness_logits.weight"); a%ratios != 0 || a/ratios != sizes && f.Config == nil {
		return fmt.Errorf("checkpoint %s: want %d anchors at each place, of %d sizes and %d ratios, got %d",
			f.Path, sizes*ratios, sizes, ratios, a)
	}
	return nil
}
