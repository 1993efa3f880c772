// Package scores reads and writes the score statistics of a run.
//
// [Open] reads the scores of any run through one interface, [Source]: those of package
// record, or else the files of the reference code.
//
// [Writer] writes the files of the reference code: one score_EEE.npy per epoch, float32
// [steps, batch, 5], and steps.json with the number of samples of each step. Each sample
// has a row: the mean of the K negative scores, their variance (divisor K-1), the
// positive score, the mean of exp(neg/τ), and exp(pos/τ), all after the feature
// transformation, as the loss sees them. The first three are rounded to half precision,
// as in the reference code.
package scores

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/x448/float16"

	"contralens/internal/durable"
	"contralens/internal/npy"
)

// Columns is the number of statistics per sample.
const Columns = 5

// Writer writes scores to <run>/scores, one file per epoch.
type Writer struct {
	dir     string
	batch   int
	file    *os.File
	epoch   int
	rows    map[int][]int // epoch → number of samples of each step
	pending int           // steps since the last Flush
	last    time.Time     // of the last Flush
}

// NewWriter makes <run>/scores, or continues it, for batches of up to batch samples.
func NewWriter(run string, batch int) (*Writer, error) {
	w := &Writer{dir: filepath.Join(run, "scores"), batch: batch, rows: map[int][]int{}}
	if err := os.MkdirAll(w.dir, 0o755); err != nil {
		return nil, err
	}
	var meta steps
	if b, err := os.ReadFile(filepath.Join(w.dir, "steps.json")); err == nil && json.Unmarshal(b, &meta) == nil {
		w.rows = meta.Rows
	}
	return w, nil
}

// steps is the content of steps.json.
type steps struct {
	Batch int           `json:"batch"`
	Rows  map[int][]int `json:"rows_per_step"`
}

// Add writes the rows [n, 5] of a step, which counts from 0 within the epoch. If the step
// exists, as it may after an interruption, Add replaces it and drops later steps.
func (w *Writer) Add(epoch, step int, rows []float32) error {
	n := len(rows) / Columns
	if n > w.batch || len(rows)%Columns != 0 {
		return fmt.Errorf("scores: want at most %d rows of %d, got %d values", w.batch, Columns, len(rows))
	}
	if w.file == nil || w.epoch != epoch {
		if err := w.open(epoch); err != nil {
			return err
		}
	}
	if step > len(w.rows[epoch]) {
		return fmt.Errorf("scores: epoch %d has %d steps, but step %d comes next", epoch, len(w.rows[epoch]), step)
	}
	w.rows[epoch] = append(w.rows[epoch][:step], n)
	padded := make([]float32, w.batch*Columns)
	for i := range padded {
		switch {
		case i >= len(rows):
			padded[i] = float32(math.NaN())
		case i%Columns < 3:
			padded[i] = float16.Fromfloat32(rows[i]).Float32()
		default:
			padded[i] = rows[i]
		}
	}
	b := npy.Append(nil, padded)
	if _, err := w.file.WriteAt(b, npy.HeaderSize+int64(step)*int64(len(b))); err != nil {
		return fmt.Errorf("scores: %w", durable.Explain(err))
	}
	w.pending++
	if w.pending >= 50 || time.Since(w.last) > 5*time.Second {
		return w.Flush()
	}
	return nil
}

func path(dir string, epoch int) string {
	return filepath.Join(dir, fmt.Sprintf("score_%03d.npy", epoch))
}

func (w *Writer) open(epoch int) error {
	if err := w.Flush(); err != nil {
		return err
	}
	if w.file != nil {
		w.file.Close()
	}
	f, err := os.OpenFile(path(w.dir, epoch), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("scores: %w", durable.Explain(err))
	}
	w.file, w.epoch = f, epoch
	return w.Flush() // makes the new file readable
}

// Flush updates the header of the file and steps.json, so that readers see all steps.
func (w *Writer) Flush() error {
	w.pending, w.last = 0, time.Now()
	if w.file == nil {
		return nil
	}
	n := len(w.rows[w.epoch])
	head := npy.Encode(n, w.batch, Columns)
	if err := w.file.Truncate(npy.HeaderSize + int64(n)*int64(4*w.batch*Columns)); err != nil {
		return fmt.Errorf("scores: %w", durable.Explain(err))
	}
	if _, err := w.file.WriteAt(head, 0); err != nil {
		return fmt.Errorf("scores: %w", durable.Explain(err))
	}
	b, err := json.Marshal(steps{Batch: w.batch, Rows: w.rows})
	if err != nil {
		return err
	}
	temporary := filepath.Join(w.dir, ".steps.json")
	if err := os.WriteFile(temporary, b, 0o644); err != nil {
		return fmt.Errorf("scores: %w", durable.Explain(err))
	}
	return os.Rename(temporary, filepath.Join(w.dir, "steps.json"))
}

// Close flushes and closes the file.
func (w *Writer) Close() error {
	err := w.Flush()
	if w.file != nil {
		err = errors.Join(err, w.file.Close())
	}
	return err
}
