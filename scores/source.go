package scores

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"contralens/scores/record"
)

// Source has the series and histograms of a run at any zoom, for figures and the
// dashboard. [record.Record] describes the methods.
type Source interface {
	Refresh() error
	Series() []string
	Kinds() []string
	Range() (first, last int)
	Curve(name string, from, to, points int) ([]record.Bin, error)
	Curves(names []string, from, to, points int) ([][]record.Bin, error)
	Summary(name string, from, to int) (record.Bin, error)
	Histograms(kind string, from, to, rows int) (record.Heat, error)
	Sum(kind string, from, to int) (record.Heat, error)
}

// Open opens the scores of a run: its record, or else its score_EEE.npy files, which may
// come from the reference code. dir is a run directory, or the folder of a record or of
// .npy files. It returns an error if dir has neither.
func Open(dir string) (Source, error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: want a run directory, but it does not exist", dir)
	}
	for _, d := range []string{record.Dir(dir), filepath.Join(dir, "record"), dir} {
		if _, err := os.Stat(filepath.Join(d, "record.json")); err == nil {
			return record.Open(d)
		}
	}
	return openFiles(dir)
}
