// Package weights finds an encoder's weights in files of any origin: ours, the
// reference implementation's, MoCo's, torchvision's, PyContrast's, lightly's,
// solo-learn's, Detectron2's, as .pth, safetensors, npz, pickle or ONNX. The
// names in a file are matched against those of our networks, whatever prefix
// they have, and the network is told from the shapes.
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

// Formats are the file formats by name.
var Formats = []string{"pth", "safetensors", "npz", "detectron2", "onnx"}

// Extensions are those of files that are written, unless their format is named.
var Extensions = []string{".pth", ".pt", ".tar", ".bin", ".ckpt", ".safetensors", ".npz", ".pkl", ".onnx"}

// formatOf is the format that a file's name says it has: pth unless the
// extension is another format's.
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
	Epoch   int               // 0 when the file doesn't say
	Options map[string]string // of the run that wrote it, as typed; nil without a record of ours
}

// Open reads a file. format is one of Formats, or "" to go by the name.
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
		if options["arch"] != "" {
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

// Group is a dictionary of tensors within a file.
type Group struct {
	Path    string // keys on the way to it with dots between, "" for the file itself
	Tensors checkpoint.Dict
}

// Groups lists the dictionaries that have tensors under names, in the file's order.
func (f *File) Groups() []Group {
	var groups []Group
	var walk func(path string, d checkpoint.Dict)
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
			}
		}
		if len(g.Tensors) > 0 {
			groups = append(groups, g)
		}
	}
	walk("", f.Tree)
	return groups
}
