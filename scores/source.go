package scores

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"contralens/scores/record"
)

// Source gives figures and the dashboard a run's series and histograms at any zoom. The
// methods are described in package record.
type Source interface {
	Refresh() error
	Series() []string
	Kinds() []string
	Range() (first, last int)
	Curve(name string, from, to, points int) ([]record.Bin, error)
	Curves(names []string, from, to, points int) ([][]record.Bin, error)
	Histograms(kind string, from, to, rows int) (record.Heat, error)
	Sum(kind string, from, to int) (record.Heat, error)
}

// Open opens the scores of a run: its record, or else its score_EEE.npy, ours or the
// reference code's. dir is a run directory, or the folder of a record or of .npy files.
func Open(dir string) (Source, error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: want a run directory, but there is none of that name", dir)
	}
	for _, d := range []string{record.Dir(dir), filepath.Join(dir, "record"), dir} {
		if _, err := os.Stat(filepath.Join(d, "record.json")); err == nil {
			return record.Open(d)
		}
	}
	return openFiles(dir)
}
