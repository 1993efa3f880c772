package weights

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"contralens/checkpoint"
	"contralens/internal/durable"
	"contralens/internal/option"
	"contralens/nn"
	"contralens/nn/backbone"
)

// Detectors are the detectors of Detectron2 for which Save writes a complete configuration.
const (
	C4  = "c4"  // Faster R-CNN R50-C4 on VOC, as in MoCo's release
	FPN = "fpn" // Mask R-CNN R50-FPN on COCO, as in MoCo's paper
)

// res2Width is the only width of a first stage that Detectron2 builds from basic blocks.
const res2Width = 64

// saveDetectron2 writes Detectron2's pickle and a configuration beside it.
func (e *Encoder) saveDetectron2(path string, tensors checkpoint.Dict, c nn.Config, o SaveOptions) ([]string, error) {
	arch, known := backbone.FindResNet(c.Arch)
	if !known || arch.SplitStem > 0 || c.Stem != "imagenet" {
		return nil, fmt.Errorf("Detectron2: want a ResNet with a 7x7 stem, got %s with stem %s", c.Arch, c.Stem)
	}
	last := "encoder.layer1.0.conv2.weight"
	if arch.Bottleneck {
		last = "encoder.layer1.0.conv3.weight"
	}
	s := settings{
		weights: path, arch: arch, stem: shapeOf(e, "encoder.conv1.weight")[0], res2: shapeOf(e, last)[0],
	}
	if err := s.check(o.Detector, c); err != nil {
		return nil, err
	}
	var renamed checkpoint.Dict
	for _, i := range tensors {
		renamed = append(renamed, checkpoint.Item{Key: backbone.Detectron2Name(i.Key.(string)), Value: i.Value})
	}
	root := checkpoint.Dict{
		{Key: "model", Value: renamed}, {Key: "__author__", Value: "contralens"}, {Key: "matching_heuristics", Value: true},
	}
	if err := durable.Write(path, func(w io.Writer) error { return checkpoint.WriteArrays(w, root) }); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if !s.buildable() {
		if o.Note != nil {
			o.Note(fmt.Sprintf("no configuration is written: Detectron2 builds %s only with %d channels in its first stage, "+
				"and this one has %d", c.Arch, res2Width, s.res2))
		}
		return []string{path}, nil
	}
	yaml := strings.TrimSuffix(path, filepath.Ext(path)) + ".yaml"
	err := durable.Write(yaml, func(w io.Writer) error {
		_, err := io.WriteString(w, s.yaml(o.Detector))
		return err
	})
	return []string{path, yaml}, err
}

// settings are what Detectron2 must know about a backbone.
type settings struct {
	weights    string
	arch       backbone.ResNet
	stem, res2 int // channels of the stem and of the first stage
}

// buildable reports whether Detectron2 builds a ResNet of these widths.
func (s settings) buildable() bool { return s.arch.Bottleneck || s.res2 == res2Width }

// check refuses a detector that Detectron2 does not build on the backbone.
func (s settings) check(detector string, c nn.Config) error {
	switch {
	case detector == "":
		return nil
	case detector != C4 && detector != FPN:
		return option.Text("detector", C4+" or "+FPN, detector)
	case !s.buildable():
		return &option.Error{
			Name: "detector", Got: fmt.Sprintf("%s with %d", c.Arch, s.res2),
			Want: fmt.Sprintf("a network that Detectron2 builds: a ResNet-18 or 34 needs %d channels in its first stage",
				res2Width),
		}
	case detector == C4 && !s.arch.Bottleneck:
		return &option.Error{
			Name: "detector", Got: c.Arch,
			Want: "a network with bottlenecks for " + C4 + ", such as resnet50, because Detectron2's RoI head is made of " +
				"them; " + FPN + " takes any ResNet",
		}
	}
	return nil
}

// yaml returns the configuration: that of the backbone, or of a whole detector.
//
// ResNets of torchvision have the stride in the 3x3 convolution, and their input is RGB,
// normalized with the mean and standard deviation of ImageNet, here for pixels of 0…255.
func (s settings) yaml(detector string) string {
	switch detector {
	case C4:
		return fmt.Sprintf(c4YAML, s.resnet())
	case FPN:
		return fmt.Sprintf(fpnYAML, s.resnet())
	}
	return fmt.Sprintf(bodyYAML, s.resnet())
}

// resnet returns the settings of the backbone, below MODEL.
func (s settings) resnet() string {
	depth := 2
	for _, n := range s.arch.Blocks {
		if depth += 2 * n; s.arch.Bottleneck {
			depth += n
		}
	}
	width := s.arch.GroupWidth
	if width == 0 {
		width = s.stem
	}
	return fmt.Sprintf(`  WEIGHTS: %q
  PIXEL_MEAN: [123.675, 116.280, 103.530]
  PIXEL_STD: [58.395, 57.120, 57.375]
  RESNETS:
    DEPTH: %d
    STRIDE_IN_1X1: False
    NUM_GROUPS: %d
    WIDTH_PER_GROUP: %d
    STEM_OUT_CHANNELS: %d
    RES2_OUT_CHANNELS: %d
    NORM: "SyncBN"`, s.weights, depth, max(s.arch.Groups, 1), width, s.stem, s.res2)
}
