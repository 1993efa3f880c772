package weights

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"contralens/checkpoint"
	"contralens/checkpoint/npz"
	"contralens/checkpoint/safetensors"
	"contralens/internal/durable"
	"contralens/internal/option"
	"contralens/nn"
)

// SaveOptions are options of Save.
type SaveOptions struct {
	Format   string // one of Formats; "" stands for that of the extension
	Head     bool   // also write the projection head
	InputRes int    // side of the training images in pixels, stored in the file; 0: unknown
	// Detector is C4 or FPN for a complete configuration of Detectron2, or "" for the part of
	// one that describes the backbone. Other formats have no configuration.
	Detector string
	Note     func(string) // receives a sentence about what could not be written; may be nil
}

// Save writes the backbone of a network c under torchvision's names. In Detectron2's
// format it uses Detectron2's names and also writes a .yaml file with the configuration
// that Detectron2 needs. It returns the paths of the files. Call it within torch.Run.
func (e *Encoder) Save(path string, c nn.Config, o SaveOptions) (files []string, err error) {
	if o.Format == "" {
		o.Format = formatOf(path)
	}
	if o.Detector != "" && o.Format != "detectron2" {
		return nil, &option.Error{
			Name: "detector", Want: "a file in Detectron2's format (.pkl), which has a configuration beside it", Got: path,
		}
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
		return e.saveDetectron2(path, tensors, c, o)
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
