package weights

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"contralens/checkpoint"
	"contralens/checkpoint/npz"
	"contralens/checkpoint/safetensors"
	"contralens/internal/durable"
	"contralens/internal/option"
	"contralens/nn"
	"contralens/nn/backbone"
)

// SaveOptions are options of Save.
type SaveOptions struct {
	Format   string // one of Formats; "" stands for that of the extension
	Head     bool   // also write the projection head
	InputRes int    // side of the training images in pixels, stored in the file; 0: unknown
}

// Save writes the backbone of a network c under torchvision's names. In Detectron2's
// format it uses Detectron2's names and also writes a .yaml file with the configuration
// that Detectron2 needs. It returns the paths of the files. Call it within torch.Run.
func (e *Encoder) Save(path string, c nn.Config, o SaveOptions) (files []string, err error) {
	if o.Format == "" {
		o.Format = formatOf(path)
	}
	shapes, err := nn.Shapes(c)
	if err != nil {
		return nil, err
	}
	needed := shapes
	if !o.Head {
		needed = slices.DeleteFunc(slices.Clone(shapes), func(s nn.Shape) bool { return strings.HasPrefix(s.Name, "head") })
	}
	if err := e.Finite(needed); err != nil {
		return nil, err
	}
	var tensors checkpoint.Dict
	hasHead := false
	for _, s := range shapes {
		t := e.Tensors[s.Name]
		isHead := strings.HasPrefix(s.Name, "head")
		if t == nil || (isHead && !o.Head) {
			continue
		}
		hasHead = hasHead || isHead
		tensors = append(tensors, checkpoint.Item{Key: strings.TrimPrefix(s.Name, "encoder."), Value: t})
	}
	if o.Head && !hasHead {
		return nil, fmt.Errorf("checkpoint %s: want a projection head, found none", e.File)
	}
	options := map[string]string{
		"format": "pt", "arch": c.Arch, "width": strconv.FormatFloat(c.Width, 'g', -1, 64), "stem": c.Stem, "modal": c.Modal,
	}
	if hasHead {
		options["head"], options["feat_dim"] = c.Head, strconv.Itoa(c.FeatDim)
	}
	if o.InputRes > 0 {
		options["input_res"] = strconv.Itoa(o.InputRes)
	}
	files = []string{path}
	switch o.Format {
	case "pth":
		return files, checkpoint.Write(path, tensors)
	case "detectron2":
		if c.Modal == "CMC" || o.Head {
			return nil, fmt.Errorf("Detectron2: want the backbone of an RGB network, without its head")
		}
		return e.saveDetectron2(path, tensors, c)
	}
	err = durable.Write(path, func(w io.Writer) error {
		switch o.Format {
		case "safetensors":
			return safetensors.Write(w, tensors, options)
		case "npz":
			return npz.Write(w, tensors)
		case "onnx":
			return e.writeONNX(w, c, o.Head, options)
		}
		return option.Text("to", "a format among "+strings.Join(Formats, ", "), o.Format)
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return files, nil
}

func (e *Encoder) saveDetectron2(path string, tensors checkpoint.Dict, c nn.Config) ([]string, error) {
	arch, known := backbone.FindResNet(c.Arch)
	if !known || arch.SplitStem > 0 || c.Stem != "imagenet" {
		return nil, fmt.Errorf("Detectron2: want a ResNet with a 7x7 stem, got %s with stem %s", c.Arch, c.Stem)
	}
	var renamed checkpoint.Dict
	for _, i := range tensors {
		renamed = append(renamed, checkpoint.Item{Key: toDetectron2(i.Key.(string)), Value: i.Value})
	}
	root := checkpoint.Dict{
		{Key: "model", Value: renamed}, {Key: "__author__", Value: "contralens"}, {Key: "matching_heuristics", Value: true},
	}
	if err := durable.Write(path, func(w io.Writer) error { return checkpoint.WriteArrays(w, root) }); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	last := "encoder.layer1.0.conv2.weight"
	if arch.Bottleneck {
		last = "encoder.layer1.0.conv3.weight"
	}
	yaml := strings.TrimSuffix(path, filepath.Ext(path)) + ".yaml"
	err := durable.Write(yaml, func(w io.Writer) error {
		_, err := io.WriteString(w, detectron2YAML(path, arch, shapeOf(e, "encoder.conv1.weight")[0], shapeOf(e, last)[0]))
		return err
	})
	return []string{path, yaml}, err
}
