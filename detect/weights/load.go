package weights

import (
	"fmt"
	"slices"
	"strings"

	"contralens/checkpoint"
	encoders "contralens/checkpoint/weights"
	"contralens/nn"
	"contralens/nn/backbone"
	"contralens/statedict"
	"contralens/torch"
)

// counters end the names of batch norm's counters, which not every file has.
const counters = "num_batches_tracked"

// Load copies the weights of the file into a detector with its options.
func (f *File) Load(to nn.State) error { return load(f.Path, to, f.tensors) }

// load copies tensors into all of a state. Counters may be missing.
func load(path string, to nn.State, tensors map[string]*checkpoint.Tensor) error {
	to = slices.DeleteFunc(slices.Clone(to), func(e nn.Entry) bool {
		return strings.HasSuffix(e.Name, counters) && tensors[e.Name] == nil
	})
	d := checkpoint.Dict{}
	for _, e := range to {
		if t := tensors[e.Name]; t != nil {
			d = append(d, checkpoint.Item{Key: e.Name, Value: t})
		}
	}
	return statedict.Load(path, to, d, "")
}

// prefixes are those of the backbone's parts in a detector.
var prefixes = []string{"backbone.bottom_up.", "backbone.", "roi_heads."}

// body returns the tensors of a detector that belong to its backbone, by Detectron2's names of a
// backbone: stem.… and res2.… to res5.….
func body(s nn.State) (of nn.State) {
	for _, e := range s {
		for _, p := range prefixes {
			rest, ok := strings.CutPrefix(e.Name, p)
			if !ok || strings.HasPrefix(rest, "res5.norm.") {
				continue
			}
			if part, _, _ := strings.Cut(rest, "."); part == "stem" || len(part) == 4 && strings.HasPrefix(part, "res") {
				e.Name = rest
				of = append(of, e)
			}
			break
		}
	}
	return of
}

// LoadEncoder copies the weights of an encoder into the backbone of a detector. All of the
// backbone's must be there; the rest of the detector keeps its values.
func LoadEncoder(e *encoders.Encoder, to nn.State) error {
	if len(e.Unplaced) > 0 {
		return fmt.Errorf("checkpoint %s: want a ResNet, but it has %s besides", e.File, strings.Join(e.Unplaced[:1], ""))
	}
	tensors := map[string]*checkpoint.Tensor{}
	for name, t := range e.Tensors {
		if rest, ok := strings.CutPrefix(name, "encoder."); ok {
			tensors[backbone.Detectron2Name(rest)] = t
		}
	}
	var err error
	torch.NoGrad(func() { err = load(e.File, body(to), tensors) })
	return err
}
