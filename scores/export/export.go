// Package export writes the score statistics of a run for other programs, as CSV, Parquet
// or NumPy's npz.
//
// CSV and Parquet consist of two tables: scores has a row per step and a column per
// series, histograms has a row per bin that is not empty. An npz file has the same as
// arrays.
package export

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"contralens/internal/durable"
	"contralens/internal/option"
	"contralens/scores"
	"contralens/scores/record"
)

// Formats are the formats that Write supports.
var Formats = []string{"csv", "parquet", "npz"}

// chunk is the number of steps that are read at a time.
const chunk = 1 << 15

// count is a bin of a histogram over Steps steps, starting with Step.
type count struct {
	Kind  string  `parquet:"kind,dict"`
	Step  int64   `parquet:"step"`
	Steps int64   `parquet:"steps"`
	Low   float64 `parquet:"low"`
	High  float64 `parquet:"high"`
	Count float64 `parquet:"count"`
}

// sink receives the tables row by row. Missing values are NaN.
type sink interface {
	row(step int, values []float64) error
	heat(kind string, h record.Heat) error
	close() error
}

// Write writes the scores of a run to files in dir and returns their paths. Each kind of
// histogram has at most rows rows, summed over neighboring steps.
func Write(s scores.Source, dir, format string, rows int) ([]string, error) {
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("want a folder for the exported files, but %s is a file", dir)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, durable.Explain(err)
	}
	open := map[string]func(dir string, series []string) (sink, []string, error){"csv": newCSV, "parquet": newParquet,
		"npz": newNPZ}[format]
	if open == nil {
		return nil, option.Text("format", "one of "+strings.Join(Formats, ", "), format)
	}
	out, files, err := open(dir, s.Series())
	if err != nil {
		return nil, err
	}
	err = write(s, out, rows)
	return files, failed(err, out.close())
}

// failed is the first of the errors of an export, whose files are not complete then.
func failed(errs ...error) error {
	for _, err := range errs {
		if several, ok := err.(interface{ Unwrap() []error }); ok {
			err = failed(several.Unwrap()...)
		}
		switch {
		case err == nil:
		case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
			return fmt.Errorf("the disk is full, so the exported files are not complete: free some space and export again (%w)",
				err)
		default:
			return err
		}
	}
	return nil
}

func write(s scores.Source, out sink, rows int) error {
	first, last := s.Range()
	values := make([]float64, len(s.Series()))
	for from := first; from <= last; from += chunk {
		to := min(from+chunk-1, last)
		curves, err := s.Curves(s.Series(), from, to, chunk)
		if err != nil {
			return err
		}
		next := make([]int, len(curves))
		for step := from; step <= to; step++ {
			for i, c := range curves {
				values[i] = math.NaN()
				if j := next[i]; j < len(c) && c[j].Step == step {
					values[i] = c[j].Mean
					next[i]++
				}
			}
			if err := out.row(step, values); err != nil {
				return err
			}
		}
	}
	for _, kind := range s.Kinds() {
		heat, err := s.Histograms(kind, first, last, rows)
		if err != nil {
			return err
		}
		if err := out.heat(kind, heat); err != nil {
			return err
		}
	}
	return nil
}

// counts visits the bins of a heat that are not empty.
func counts(kind string, h record.Heat, visit func(count) error) error {
	for _, row := range h.Rows {
		for i, n := range row.Counts {
			if n == 0 {
				continue
			}
			if err := visit(count{kind, int64(row.Step), int64(row.N), h.Edges[i], h.Edges[i+1], n}); err != nil {
				return err
			}
		}
	}
	return nil
}

// create creates files in dir.
func create(dir string, names ...string) (files []*os.File, paths []string, err error) {
	for _, n := range names {
		f, err := os.Create(filepath.Join(dir, n))
		if err != nil {
			return nil, nil, err
		}
		files, paths = append(files, f), append(paths, f.Name())
	}
	return files, paths, nil
}
