package record

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"reflect"
	"time"

	"contralens/internal/durable"
)

// Writer appends to a record. It never rewrites rows, so a program that dies leaves all
// steps up to its last flush.
type Writer struct {
	header  Header
	tables  []*table // the series, then the kinds of histograms
	steps   int      // number of recorded steps
	pending int      // steps since the last flush
	flushed time.Time
}

// Step is the row of one step. Values has one value per series, NaN if it is missing.
// Histograms has the counts of each kind of histogram.
type Step struct {
	Step       int // from 1
	Values     []float32
	Histograms [][]float32
}

// NewHeader returns the header of a record with the given series and kinds of histograms.
func NewHeader(series []string, histograms []Histogram) Header {
	return Header{Format: format, Version: version, FirstStep: 1, Fan: fan, Series: series, Histograms: histograms,
		HistogramSteps: 1}
}

// NewWriter starts a record in dir, or continues an existing one after resumeStep steps of
// training and drops later rows. It replaces a record that has other series or histograms.
func NewWriter(dir string, h Header, resumeStep int) (*Writer, error) {
	if err := h.check(); err != nil {
		return nil, fmt.Errorf("score record: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("score record: %w", durable.Explain(err))
	}
	if old, err := readHeader(dir); err == nil && resumeStep >= old.FirstStep && same(old, h) {
		h.FirstStep = old.FirstStep
	} else {
		resumeStep = max(resumeStep, 0)
		h.FirstStep = resumeStep + 1
		if err := errors.Join(remove(dir, old), remove(dir, h), writeHeader(dir, h)); err != nil {
			return nil, fmt.Errorf("score record: %w", durable.Explain(err))
		}
	}
	w := &Writer{header: h, flushed: time.Now()}
	pyramids := []*pyramid{values(dir, h)}
	for _, k := range h.Histograms {
		pyramids = append(pyramids, counts(dir, h, k))
	}
	have, err := pyramids[0].rows(0)
	if err != nil {
		return nil, fmt.Errorf("score record: %w", durable.Explain(err))
	}
	w.steps = min(have, resumeStep-h.FirstStep+1)
	for _, p := range pyramids {
		t, err := openTable(p, w.steps)
		if err != nil {
			w.close()
			return nil, fmt.Errorf("score record: %w", durable.Explain(err))
		}
		w.tables = append(w.tables, t)
	}
	return w, nil
}

func same(a, b Header) bool {
	a.FirstStep, b.FirstStep = 0, 0
	return reflect.DeepEqual(a, b)
}

// remove removes the tables of a record.
func remove(dir string, h Header) error {
	stems := []string{reserved}
	for _, k := range h.Histograms {
		stems = append(stems, k.Kind)
	}
	for _, stem := range stems {
		for level := range 32 {
			p := pyramid{dir: dir, name: stem}
			if err := os.Remove(p.path(level)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// Add records a step. It fills skipped steps with rows without values. It returns an
// error if the step is already recorded, or has another number of values or bins.
func (w *Writer) Add(s Step) error {
	next := w.header.FirstStep + w.steps
	if s.Step < next || s.Step > maxSteps {
		return fmt.Errorf("score record: want step %d next, got %d", next, s.Step)
	}
	if len(s.Values) != len(w.header.Series) || len(s.Histograms) != len(w.header.Histograms) {
		return fmt.Errorf("score record: want %d values and %d histograms, got %d and %d", len(w.header.Series),
			len(w.header.Histograms), len(s.Values), len(s.Histograms))
	}
	for i, k := range w.header.Histograms {
		if len(s.Histograms[i]) != k.Bins {
			return fmt.Errorf("score record: histogram %s: want %d bins, got %d", k.Kind, k.Bins, len(s.Histograms[i]))
		}
	}
	for ; next < s.Step; next++ {
		nothing := Step{Values: make([]float32, len(s.Values))}
		for i := range nothing.Values {
			nothing.Values[i] = float32(math.NaN())
		}
		for _, k := range w.header.Histograms {
			nothing.Histograms = append(nothing.Histograms, make([]float32, k.Bins))
		}
		w.add(nothing)
	}
	w.add(s)
	if w.pending >= 50 || time.Since(w.flushed) > time.Second {
		return w.Flush()
	}
	return nil
}

func (w *Writer) add(s Step) {
	w.tables[0].add(s.Values)
	for i, counts := range s.Histograms {
		w.tables[1+i].add(counts)
	}
	w.steps++
	w.pending++
}

// Flush writes the added steps. The values of the series come last, because readers count
// steps by them.
func (w *Writer) Flush() error {
	w.pending, w.flushed = 0, time.Now()
	for i := len(w.tables) - 1; i >= 0; i-- {
		if err := w.tables[i].flush(); err != nil {
			return fmt.Errorf("score record: %w", durable.Explain(err))
		}
	}
	return nil
}

// Close flushes and closes the files.
func (w *Writer) Close() error { return errors.Join(w.Flush(), w.close()) }

func (w *Writer) close() (err error) {
	for _, t := range w.tables {
		err = errors.Join(err, t.close())
	}
	return err
}
