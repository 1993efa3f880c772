// Package record stores the score statistics of every training step on disk: a table of
// named series, and histograms of scores. Both have a pyramid of coarser levels, so that
// they can be read quickly at any zoom, even while the training writes them.
//
// A [Writer] appends one [Step] after the other. [Open] reads the record: [Record.Curve]
// returns a series and [Record.Histograms] a kind of histogram over a range of steps.
// docs/record-format.md describes the files for other programs.
package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

// Dir is the folder of the record in a run directory.
func Dir(run string) string { return filepath.Join(run, "scores", "record") }

// Header is record.json, which describes the rows of the other files.
type Header struct {
	Format         string      `json:"format"`          // always "contralens-scores"
	Version        int         `json:"version"`         // 1
	FirstStep      int         `json:"first_step"`      // step of the first row, from 1
	Fan            int         `json:"fan"`             // rows of a level that form one row of the next
	Series         []string    `json:"series"`          // names of the values of a row
	Histograms     []Histogram `json:"histograms"`      // kinds of histograms and their bins
	HistogramSteps int         `json:"histogram_steps"` // steps that one row of histograms covers
}

// Histogram describes a kind of histogram: Bins bins of equal width from Low to High.
// Scores below Low or above High count in the first or the last bin.
type Histogram struct {
	Kind string  `json:"kind"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	Bins int     `json:"bins"`
}

// Edges returns the Bins+1 edges of the bins.
func (h Histogram) Edges() []float64 {
	edges := make([]float64, h.Bins+1)
	for i := range edges {
		edges[i] = h.Low + (h.High-h.Low)*float64(i)/float64(h.Bins)
	}
	return edges
}

const (
	format  = "contralens-scores"
	version = 1
	fan     = 8

	maxHeader = 1 << 20 // bytes of record.json
	maxSeries = 1 << 10
	maxKinds  = 64
	maxBins   = 1 << 14
	maxSteps  = 1 << 31
)

// nameForm matches the names of series and kinds; kinds are also file names.
var nameForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// reserved is the file stem of the series' values, which no kind can have.
const reserved = "values"

func (h Header) check() error {
	switch {
	case h.Format != format:
		return fmt.Errorf("want format %q, got %q", format, h.Format)
	case h.Version != version:
		return fmt.Errorf("want version %d, got %d (written by another version of contralens?)", version, h.Version)
	case h.FirstStep < 1 || h.FirstStep > maxSteps:
		return fmt.Errorf("want first_step from 1 to %d, got %d", maxSteps, h.FirstStep)
	case h.Fan < 2 || h.Fan > 1024:
		return fmt.Errorf("want a fan from 2 to 1024, got %d", h.Fan)
	case h.HistogramSteps < 1 || h.HistogramSteps > 1<<20:
		return fmt.Errorf("want histogram_steps from 1 to %d, got %d", 1<<20, h.HistogramSteps)
	case len(h.Series) == 0 || len(h.Series) > maxSeries:
		return fmt.Errorf("want 1 to %d series, got %d", maxSeries, len(h.Series))
	case len(h.Histograms) > maxKinds:
		return fmt.Errorf("want at most %d histograms, got %d", maxKinds, len(h.Histograms))
	}
	seen := map[string]bool{reserved: true}
	for _, k := range h.Histograms {
		if !nameForm.MatchString(k.Kind) || seen[k.Kind] {
			return fmt.Errorf("histogram %q: want a unique name of lowercase letters, digits and _", k.Kind)
		}
		if k.Bins < 1 || k.Bins > maxBins || !(k.Low < k.High) || math.IsInf(k.High-k.Low, 0) {
			return fmt.Errorf("histogram %s: want 1 to %d bins between two numbers, got %d from %v to %v", k.Kind, maxBins,
				k.Bins, k.Low, k.High)
		}
		seen[k.Kind] = true
	}
	seen = map[string]bool{}
	for _, name := range h.Series {
		if !nameForm.MatchString(name) || seen[name] {
			return fmt.Errorf("series %q: want a unique name of lowercase letters, digits and _", name)
		}
		seen[name] = true
	}
	return nil
}

// Continuing returns h with the series of the record in dir, if that one lacks some of them and nothing
// else: a record of an older version goes on as it began.
func (h Header) Continuing(dir string) Header {
	old, err := readHeader(dir)
	if err != nil {
		return h
	}
	for _, name := range old.Series {
		if !slices.Contains(h.Series, name) {
			return h
		}
	}
	h.Series = old.Series
	return h
}

func headerPath(dir string) string { return filepath.Join(dir, "record.json") }

func readHeader(dir string) (Header, error) {
	var h Header
	path := headerPath(dir)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Header{}, fmt.Errorf("%s: want a score record with record.json, found none; was the run made with "+
			"--record? (%w)", dir, fs.ErrNotExist)
	}
	if err != nil {
		return Header{}, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxHeader {
		return Header{}, fmt.Errorf("%s: want a file of at most %d bytes, got %d", path, maxHeader, info.Size())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return Header{}, err
	}
	if err := json.Unmarshal(b, &h); err != nil {
		return Header{}, fmt.Errorf("%s: want JSON: %w", path, err)
	}
	if err := h.check(); err != nil {
		return Header{}, fmt.Errorf("%s: %w", path, err)
	}
	return h, nil
}

// writeHeader writes record.json atomically.
func writeHeader(dir string, h Header) error {
	b, err := json.MarshalIndent(h, "", " ")
	if err != nil {
		return err
	}
	temporary := headerPath(dir) + ".new"
	if err := os.WriteFile(temporary, append(b, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, headerPath(dir))
}
