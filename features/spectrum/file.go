package spectrum

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"

	"contralens/features/probe"
	"contralens/internal/jsonl"
	"contralens/internal/npy"
)

// FileName is the path of the measures in a run directory.
const FileName = "scores/spectrum.jsonl"

// Line has the measures of an epoch.
type Line struct {
	Epoch  int `json:"epoch"`
	Step   int `json:"step"`   // steps done since the beginning; 0 if unknown
	Images int `json:"images"` // N, of the probe set
	Viewed int `json:"viewed"` // n, images with several views; 0: none
	Views  int `json:"views"`  // q, of each of them
	// Backbone are features before the head, Head its embeddings; nil if they were not measured.
	Backbone *Space `json:"backbone,omitempty"`
	Head     *Space `json:"head,omitempty"`
	// Note says why measures are missing.
	Note string `json:"note,omitempty"`
}

// Spaces lists the names of both spaces.
var Spaces = []string{"backbone", "head"}

// Space returns a space by its name, nil if it was not measured.
func (l Line) Space(name string) *Space {
	if name == "head" {
		return l.Head
	}
	return l.Backbone
}

// Value returns a measure of a space. ok is false if it is missing.
func (l Line) Value(space, name string) (v float64, ok bool) {
	s := l.Space(space)
	if s == nil {
		return 0, false
	}
	v, ok = s.Values[name]
	return v, ok
}

// UnmarshalJSON reads a line, and adds the measures that follow from others, which earlier versions did not
// write. Measures that are null, as other programs write NaN, are missing.
func (l *Line) UnmarshalJSON(text []byte) error {
	type plain Line
	if err := json.Unmarshal(text, (*plain)(l)); err != nil {
		return err
	}
	if l.Epoch < 0 {
		return fmt.Errorf("epoch: want 0 or more, got %d", l.Epoch)
	}
	var known struct {
		Backbone, Head struct{ Values map[string]*float64 }
	}
	if err := json.Unmarshal(text, &known); err != nil {
		return err
	}
	for s, values := range map[*Space]map[string]*float64{l.Backbone: known.Backbone.Values, l.Head: known.Head.Values} {
		for name, v := range values {
			if v == nil && s != nil {
				delete(s.Values, name)
			}
		}
	}
	for _, s := range []*Space{l.Backbone, l.Head} {
		if s == nil || s.Values == nil {
			continue
		}
		alignment, ok1 := s.Values[AlignmentName]
		uniformity, ok2 := s.Values[UniformityName]
		if _, has := s.Values[RelativeName]; has || !ok1 || !ok2 {
			continue
		}
		if v := Relative(alignment, uniformity); !math.IsNaN(v) {
			s.Values[RelativeName] = v
		}
	}
	return nil
}

func file(run string) jsonl.File { return jsonl.File(filepath.Join(run, filepath.FromSlash(FileName))) }

// Append appends a line to the measures of a run.
func Append(run string, l Line) error {
	if err := os.MkdirAll(filepath.Dir(string(file(run))), 0o755); err != nil {
		return err
	}
	return file(run).Add(l)
}

// Keep removes the lines of later epochs, for a run that resumes after epoch.
func Keep(run string, epoch int) error {
	return file(run).Keep(func(v map[string]any) bool {
		e, ok := v["epoch"].(float64)
		return ok && e <= float64(epoch)
	})
}

// maxFile is the number of bytes of measures that are read.
const maxFile = 256 << 20

// Read returns the measures of a run, the oldest epoch first. Lines that are none are skipped; if all of them
// are, the error is a *jsonl.Damaged. A run without measures has none, and no error.
func Read(run string) ([]Line, error) {
	lines, err := jsonl.Lines(os.DirFS(run).(fs.StatFS), FileName, maxFile, (*Line).valid)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", run, err)
	}
	return lines, nil
}

// Skipped says which lines of a run's measures Read skips; nil if there are none.
func Skipped(run string) error {
	return jsonl.Skipped(os.DirFS(run).(fs.StatFS), FileName, maxFile, (*Line).valid)
}

func (l *Line) valid() bool { return l.Epoch >= 0 }

// Of returns the measures of a run. For a run without any they are computed from the features of its
// probe set, as far as these go: there are no embeddings and no views. progress may be nil.
func Of(run string, progress func(done, total int)) ([]Line, error) {
	lines, err := Read(run)
	if err != nil || len(lines) > 0 {
		return lines, err
	}
	p, err := probe.Open(probe.Dir(run))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return FromProbe(p, progress)
}

// mostProbed is the largest number of images of a probe set that are measured: products of all pairs
// of them are kept.
const mostProbed = 2000

// FromProbe measures the features that a probe set has kept, epoch by epoch: of at most 2,000 of its
// images, evenly spaced. An epoch that cannot be measured has a note.
func FromProbe(p *probe.Probe, progress func(done, total int)) ([]Line, error) {
	epochs, err := p.Epochs()
	if err != nil {
		return nil, err
	}
	var lines []Line
	var before Traces
	for i, epoch := range epochs {
		l := Line{Epoch: epoch, Images: min(len(p.Labels), mostProbed)}
		features, dim, err := p.Features(epoch)
		if err == nil {
			var space Space
			few := evenly(features, dim, mostProbed)
			if space, before, err = Measure(Sample{Images: Matrix(few, dim)}, before); err == nil {
				l.Backbone = &space
			}
		}
		if err != nil {
			l.Note = err.Error()
		}
		lines = append(lines, l)
		if progress != nil {
			progress(i+1, len(epochs))
		}
	}
	return lines, nil
}

// evenly returns at most n of the rows of d values, evenly spaced.
func evenly(rows []float32, d, n int) []float32 {
	all := len(rows) / d
	if all <= n {
		return rows
	}
	few := make([]float32, 0, n*d)
	for i := range n {
		at := i * all / n
		few = append(few, rows[at*d:(at+1)*d]...)
	}
	return few
}

// tracePath is the file with the features of an epoch that the next one is compared with.
func tracePath(run, space string, epoch int) string {
	return filepath.Join(run, "scores", "spectrum", fmt.Sprintf("%s_%03d.npy", space, epoch))
}

// SaveTrace keeps the features of an epoch, [N, d], so that a resumed run compares the next one with
// them. Those of the epochs in keep stay, others are removed.
func SaveTrace(run, space string, epoch int, features []float32, dim int, keep ...int) error {
	path := tracePath(run, space, epoch)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := npy.Write(path, features, len(features)/dim, dim); err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(filepath.Dir(path), space+"_*.npy"))
	for _, o := range old {
		other := func(e int) bool { return tracePath(run, space, e) == o }
		if o != path && !slices.ContainsFunc(keep, other) {
			err = errors.Join(err, os.Remove(o))
		}
	}
	return err
}

// LoadTrace returns the features that SaveTrace kept; none if there are none of n images.
func LoadTrace(run, space string, epoch, n int) (Traces, bool) {
	values, h, err := npy.Read(tracePath(run, space, epoch))
	if err != nil || len(h.Shape) != 2 || h.Shape[0] != n || h.Shape[1] < 1 || n < 2 {
		return Traces{}, false
	}
	return TracesOf(Matrix(values, h.Shape[1])), true
}
