// Package weights finds the weights of an encoder in files of any origin: ours, the
// reference implementation, MoCo, torchvision, PyContrast, lightly, solo-learn or
// Detectron2, as .pth, safetensors, npz, pickle or ONNX.
//
// [Model] does everything at once: it builds the network and loads the encoder. Step by
// step, [Open] reads a file, [File.Encoder] matches the names in it with those of our
// networks, whatever their prefix, [Encoder.Network] infers the architecture from the
// shapes, and [Encoder.Load] or [Encoder.Save] copies the weights to a network or another
// file. [Inspect] describes a file.
package weights

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"contralens/checkpoint"
	"contralens/checkpoint/npz"
	"contralens/checkpoint/onnx"
	"contralens/checkpoint/safetensors"
	"contralens/internal/option"
	"contralens/rundir"
)

// Formats are the names of the file formats.
var Formats = []string{"pth", "safetensors", "npz", "detectron2", "onnx"}

// Extensions are the extensions that an output file may have, unless its format is named.
var Extensions = []string{".pth", ".pt", ".tar", ".bin", ".ckpt", ".safetensors", ".npz", ".pkl", ".onnx"}

// formatOf returns the format that a file's extension stands for, by default pth.
func formatOf(path string) string {
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".safetensors", ".npz", ".onnx":
		return ext[1:]
	case ".pkl":
		return "detectron2"
	}
	return "pth"
}

// File is a checkpoint in memory.
type File struct {
	Path    string
	Format  string
	Tree    checkpoint.Dict
	Epoch   int               // 0 if the file has none
	Options map[string]string // of the run that wrote it, as typed; nil if contralens didn't write it
}

// Open reads a file. format is one of Formats; "" stands for that of the extension.
func Open(path, format string) (*File, error) {
	if format == "" {
		format = formatOf(path)
	}
	f := &File{Path: path, Format: format}
	var err error
	switch format {
	case "pth", "detectron2":
		f.Tree, err = checkpoint.Read(path)
	case "safetensors", "npz", "onnx":
		var b []byte
		if b, err = os.ReadFile(path); err != nil {
			return nil, fmt.Errorf("checkpoint %s: %w", path, err)
		}
		if err := misnamed(b, format); err != nil {
			return nil, fmt.Errorf("checkpoint %s: %w", path, err)
		}
		var options map[string]string
		switch format {
		case "safetensors":
			f.Tree, options, err = safetensors.Parse(b)
		case "npz":
			f.Tree, err = npz.Parse(b)
		case "onnx":
			f.Tree, options, err = onnx.Parse(b)
		}
		if err != nil {
			err = fmt.Errorf("checkpoint %s: %w", path, err)
		}
		if options["arch"] != "" && options["width"] != "" { // else they are another program's
			f.Options = options
		}
	default:
		err = option.Text("from", "a format among "+strings.Join(Formats, ", "), format)
	}
	if err != nil {
		return nil, err
	}
	f.Epoch, _ = f.Tree.Get("epoch").(int)
	var record rundir.CheckpointRecord
	if rundir.DecodeRecord(f.Tree, &record) != nil {
		f.Options = record.Config
	}
	return f, nil
}

// misnamed returns an error for content b that is of another format, or of none that this
// program reads.
func misnamed(b []byte, format string) error {
	kind := checkpoint.KindOf(b)
	switch {
	case kind.Unknown || kind.Format == format || (kind.Name == "" && format == "npz"):
		return nil
	case kind.Name == "":
		return fmt.Errorf("want a file in the format %s, but it begins like one of torch.save: "+
			"give it a name that ends in .pth", format)
	}
	return fmt.Errorf("want a file in the format %s, but %s", format, kind)
}

// Group is a dictionary of tensors within a file.
type Group struct {
	Path    string // the keys that lead to it, joined by dots; "" for the file itself
	Tensors checkpoint.Dict
	Foreign []string // names of values that were passed over
}

// Groups returns the dictionaries that have tensors under string keys, in the order of
// the file.
func (f *File) Groups() []Group {
	var groups []Group
	var walk func(path string, d checkpoint.Dict)
	inList := func(path string, list []any) {
		for n, x := range list {
			if d := checkpoint.AsDict(x); d != nil {
				walk(fmt.Sprint(path, ".", n), d)
			}
		}
	}
	walk = func(path string, d checkpoint.Dict) {
		g := Group{Path: path}
		for _, i := range d {
			name, ok := i.Key.(string)
			if !ok {
				continue
			}
			at := strings.TrimPrefix(path+"."+name, ".")
			switch v := i.Value.(type) {
			case *checkpoint.Tensor:
				g.Tensors = append(g.Tensors, i)
			case checkpoint.OrderedDict:
				walk(at, checkpoint.Dict(v))
			case checkpoint.Dict:
				walk(at, v)
			case []any:
				inList(at, v)
			case checkpoint.Foreign:
				g.Foreign = append(g.Foreign, name)
			}
		}
		if len(g.Tensors) > 0 {
			groups = append(groups, g)
		}
	}
	walk("", f.Tree)
	return groups
}
