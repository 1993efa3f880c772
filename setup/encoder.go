package setup

import (
	"fmt"
	"slices"
	"strconv"

	"contralens/checkpoint/weights"
	"contralens/config"
	"contralens/nn"
)

// Encoder is a network and where its weights come from.
type Encoder struct {
	Model  *nn.Model
	Path   string            // checkpoint file; empty if untrained
	Epoch  int               // of the checkpoint's training
	Config map[string]string // options in the checkpoint's record; nil without a record
}

// UntrainedEncoder builds the network that the options describe, with initial weights
// drawn from seed.
func UntrainedEncoder(n config.Net, m config.Machine, seed uint64) (*Encoder, error) {
	net, err := Network(n, m)
	if err != nil {
		return nil, err
	}
	model, err := nn.New(net, seed)
	if err != nil {
		return nil, err
	}
	return &Encoder{Model: model}, nil
}

// LoadEncoder builds the network of a checkpoint of any origin and loads its weights:
// those of the query encoder, or with UseEMA of the key encoder. The options of n are
// set from the checkpoint's record, or else from the shapes of its tensors, except
// those in set. notes are sentences for the user.
func LoadEncoder(
	n *config.Net, m config.Machine, w config.Weights, set map[string]bool,
) (e *Encoder, notes []string, err error) {
	path := w.Ckpt
	file, err := weights.Open(path, "")
	if err != nil {
		return nil, nil, err
	}
	found, err := file.EncoderAt(w.Prefix, w.UseEMA)
	if err != nil {
		return nil, nil, err
	}
	e = &Encoder{Path: path, Epoch: file.Epoch, Config: file.Options}
	known, source := e.Config, "the checkpoint's"
	if known == nil {
		guess, err := found.Network()
		if err == nil {
			known, source = options(guess), "what the shapes say:"
			notes = append(notes, fmt.Sprintf("%s has no record of its options; by its shapes it is %s; --input_res is %d",
				path, describe(guess), n.InputRes))
		} else if !set["arch"] {
			return nil, nil, err
		}
	}
	overrides, err := adopt(n, known, set, path, source)
	if err != nil {
		return nil, nil, err
	}
	net, err := Network(*n, m)
	if err != nil {
		return nil, nil, err
	}
	if e.Model, err = nn.New(net, 0); err != nil {
		return nil, nil, err
	}
	more, err := found.Load(e.Model, false, w.Strict)
	if err != nil {
		e.Model.Free()
		return nil, nil, err
	}
	return e, slices.Concat(notes, overrides, found.Notes(file), more), nil
}

// adopt sets the options of n to the known values of the checkpoint. An option in set
// keeps its value; if the two differ, a note says so. source says where the known
// values come from.
func adopt(
	n *config.Net, known map[string]string, set map[string]bool, path, source string,
) (notes []string, err error) {
	for _, f := range config.Fields(n) {
		value, ok := f.Recorded(known)
		switch {
		case !ok:
		case set[f.Name] && f.String() != value:
			notes = append(notes, fmt.Sprintf("--%s %s instead of %s %s", f.Name, f.String(), source, value))
		case !set[f.Name]:
			if err := f.Set(value); err != nil {
				return nil, fmt.Errorf("checkpoint %s: its record of --%s: %w", path, f.Name, err)
			}
		}
	}
	return notes, nil
}

// options returns a network's options as typed on the command line.
func options(c nn.Config) map[string]string {
	o := map[string]string{
		"arch": c.Arch, "width": strconv.FormatFloat(c.Width, 'g', -1, 64), "stem": c.Stem, "modal": c.Modal,
	}
	if c.Head != "" {
		o["head"], o["feat_dim"] = c.Head, strconv.Itoa(c.FeatDim)
	}
	return o
}

func describe(c nn.Config) string {
	s := fmt.Sprintf("--arch %s --width %v --stem %s", c.Arch, c.Width, c.Stem)
	if c.Modal != "RGB" {
		s += " --modal " + c.Modal
	}
	if c.Head != "" {
		s += fmt.Sprintf(" --head %s --feat_dim %d", c.Head, c.FeatDim)
	}
	return s
}
