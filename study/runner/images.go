package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"contralens/config"
	"contralens/data"
	"contralens/internal/durable"
	"contralens/setup"
	"contralens/study"
)

// imagesFile has, for every arm of a study, which images its cells see.
const imagesFile = "images.json"

// seen are the images that a cell sees. Two of them are equal if their images have the same names and
// classes in the same order, in whatever folder they lie.
type seen struct {
	Train   int    `json:"train"`
	Labeled int    `json:"labeled"` // training images of the evaluations
	Test    int    `json:"test"`
	Names   uint32 `json:"names"` // CRC-32 of the names and classes
}

// open returns the images that a training and its evaluations see.
func (r *Runner) open(ctx context.Context, c config.Contrast) (seen, error) {
	c.KNNEvery = 1 // so that test images are opened
	key := imagesKey(c)
	if s, ok := r.opened[key]; ok {
		return s, nil
	}
	open := setup.Splits
	if slices.ContainsFunc(r.Study.Evaluations, study.Evaluation.Labeled) {
		open = setup.TestedSplits
	}
	splits, err := open(ctx, c, func(string) {})
	if err != nil {
		return seen{}, err
	}
	pretraining := setup.Pretraining(splits)
	_, test, _ := setup.HoldOut(splits.Train, splits.Test)
	r.smallest[key] = smallestClass(splits.Train)
	s := seen{Train: pretraining.Len(), Labeled: splits.Train.Len()}
	names := crc32.NewIEEE()
	add(names, pretraining)
	if test != nil {
		s.Test = test.Len()
		add(names, test)
	}
	s.Names = names.Sum32()
	r.opened[key] = s
	return s, nil
}

// imagesKey tells trainings apart that see other images.
func imagesKey(c config.Contrast) string { return fmt.Sprint(c.Data) }

// smallestClass returns the class with the fewest images.
func smallestClass(d data.Dataset) (c class) {
	counts := make([]int, len(d.Classes()))
	for i := range d.Len() {
		if l := d.Label(i); l >= 0 {
			counts[l]++
		}
	}
	for i, name := range d.Classes() {
		if i == 0 || counts[i] < c.images {
			c = class{name, counts[i], len(counts)}
		}
	}
	return c
}

type class struct {
	name    string
	images  int
	classes int // that there are
}

// add writes the names and classes of a dataset.
func add(w io.Writer, d data.Dataset) {
	fmt.Fprintln(w, d.Classes())
	for i := range d.Len() {
		fmt.Fprintln(w, filepath.Base(d.Path(i)), d.Label(i))
	}
}

// sameImages returns an error if the cells see other images than those of the study that were trained
// before. It records which they are if no cell was.
func (r *Runner) sameImages(ctx context.Context) error {
	now := map[string]seen{}
	for _, c := range r.Study.Planned(nil) {
		c.Setting = max(0, c.Setting)
		options, _, err := r.Study.Training(r.Dir, c)
		if err != nil {
			return err
		}
		name := "arm " + r.Study.Arms[c.Arm].Name
		if c.Validates() {
			name += " in tuning"
		}
		if now[name], err = r.open(ctx, options); err != nil {
			return err
		}
	}
	path := filepath.Join(r.Dir, imagesFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return durable.Write(path, func(w io.Writer) error {
			e := json.NewEncoder(w)
			e.SetIndent("", " ")
			return e.Encode(now)
		})
	}
	var was map[string]seen
	if err == nil {
		err = json.Unmarshal(text, &was)
	}
	if err != nil {
		return fmt.Errorf("%s: want the record of the images that the study began with: %w; if they are the same "+
			"now, remove the file", path, err)
	}
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if n, w := now[name], was[name]; n != w {
			return fmt.Errorf("%s: want the images that the study began with (%s: %s), but %s; "+
				"name the former folder, or another one for the study (-o)", r.Dir, name, w.count(), n.differ(w))
		}
	}
	return nil
}

func (s seen) count() string { return fmt.Sprintf("%d for training, %d for tests", s.Train, s.Test) }

// differ says how the images differ from others.
func (s seen) differ(other seen) string {
	if s.Train != other.Train || s.Test != other.Test {
		return "there are " + s.count()
	}
	return "as many have other names or classes"
}
