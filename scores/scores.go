// Package scores keeps the score statistics of a training on disk: one
// score_EEE.npy an epoch, [steps, batch, 5] float32, as the reference
// implementation writes them, and steps.json with what those files don't say.
//
// Columns, one row a sample: the mean of the K negative scores, their variance
// (divisor K-1), the positive score, the mean of exp(neg/τ), exp(pos/τ); after
// the feature transformation, as the loss sees them. The first three are
// rounded to half precision, as upstream does.
package scores

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/sbinet/npyio"
	"github.com/x448/float16"
)

// Columns is the number of statistics a sample has.
const Columns = 5

// header is the fixed size of our .npy headers, so that the number of steps can
// be put right while the file grows.
const header = 128

// Writer records an epoch after another into <run>/scores.
type Writer struct {
	dir     string
	batch   int
	file    *os.File
	epoch   int
	rows    map[int][]int // epoch → images of each of its steps
	pending int           // steps since the header was put right
	last    time.Time
}

// NewWriter makes <run>/scores for batches of that size.
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

// Add records step (from 0 in the epoch) with rows [n, 5]. A step that was there
// before, as after an interruption, replaces it and everything after it.
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
	b := make([]byte, 0, 4*w.batch*Columns)
	for i := range w.batch * Columns {
		v := float32(math.NaN())
		if i < len(rows) {
			v = rows[i]
			if i%Columns < 3 {
				v = float16.Fromfloat32(v).Float32()
			}
		}
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	if _, err := w.file.WriteAt(b, int64(header)+int64(step)*int64(len(b))); err != nil {
		return fmt.Errorf("scores: %w", err)
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
		return fmt.Errorf("scores: %w", err)
	}
	w.file, w.epoch = f, epoch
	return nil
}

// Flush puts the file's header right, so that it can be read.
func (w *Writer) Flush() error {
	w.pending, w.last = 0, time.Now()
	if w.file == nil {
		return nil
	}
	n := len(w.rows[w.epoch])
	text := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d, %d), }", n, w.batch, Columns)
	head := append([]byte("\x93NUMPY\x01\x00"), byte(header-10), 0)
	head = append(head, text...)
	head = append(head, strings.Repeat(" ", header-1-len(head))...)
	head = append(head, '\n')
	if err := w.file.Truncate(int64(header) + int64(n)*int64(4*w.batch*Columns)); err != nil {
		return fmt.Errorf("scores: %w", err)
	}
	if _, err := w.file.WriteAt(head, 0); err != nil {
		return fmt.Errorf("scores: %w", err)
	}
	b, err := json.Marshal(steps{Batch: w.batch, Rows: w.rows})
	if err != nil {
		return err
	}
	temporary := filepath.Join(w.dir, ".steps.json")
	if err := os.WriteFile(temporary, b, 0o644); err != nil {
		return fmt.Errorf("scores: %w", err)
	}
	return os.Rename(temporary, filepath.Join(w.dir, "steps.json"))
}

// Close writes what is left.
func (w *Writer) Close() error {
	err := w.Flush()
	if w.file != nil {
		err = errors.Join(err, w.file.Close())
	}
	return err
}

// Step is the statistics of one step, over the images of its batch.
type Step struct {
	Epoch   int     // from 1
	Step    int     // from 1, over all epochs
	NegMean float64 // mean of the negative scores
	NegVar  float64 // mean of their variances
	PosMean float64 // mean of the positive scores
	PosVar  float64 // variance of the positive scores over the batch
}

// Read reads a run's statistics, ours or upstream's, step by step.
func Read(run string) ([]Step, error) {
	dir := run
	if info, err := os.Stat(filepath.Join(run, "scores")); err == nil && info.IsDir() {
		dir = filepath.Join(run, "scores")
	}
	paths, err := filepath.Glob(filepath.Join(dir, "score_*.npy"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		if _, err := os.Stat(run); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: want a run directory, but there is none of that name", run)
		}
		return nil, fmt.Errorf("%s: want scores/score_*.npy, found none; was the run made with --save_score?", run)
	}
	epochs := map[int]string{}
	var numbers []int
	for _, p := range paths {
		e, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(p), "score_"), ".npy"))
		if err != nil {
			continue
		}
		epochs[e] = p
		numbers = append(numbers, e)
	}
	sort.Ints(numbers)
	var all []Step
	for _, e := range numbers {
		values, shape, err := readNPY(epochs[e])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", epochs[e], err)
		}
		size := shape[1] * Columns
		for s := range shape[0] {
			step := summarise(values[s*size : (s+1)*size])
			step.Epoch, step.Step = e, len(all)+1
			all = append(all, step)
		}
	}
	return all, nil
}

// summarise averages over the rows [n, 5] that are not padding.
func summarise(rows []float32) Step {
	var s Step
	n, squares := 0.0, 0.0
	for i := 0; i+Columns <= len(rows); i += Columns {
		if math.IsNaN(float64(rows[i])) && math.IsNaN(float64(rows[i+2])) {
			continue
		}
		n++
		s.NegMean += float64(rows[i])
		s.NegVar += float64(rows[i+1])
		s.PosMean += float64(rows[i+2])
		squares += float64(rows[i+2]) * float64(rows[i+2])
	}
	s.NegMean, s.NegVar, s.PosMean = s.NegMean/n, s.NegVar/n, s.PosMean/n
	s.PosVar = max(0, (squares-n*s.PosMean*s.PosMean)/max(1, n-1))
	return s
}

func readNPY(path string) (values []float32, shape []int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	r, err := npyio.NewReader(f)
	if err != nil {
		return nil, nil, err
	}
	shape = r.Header.Descr.Shape
	if len(shape) != 3 || shape[2] != Columns {
		return nil, nil, fmt.Errorf("want an array [steps, batch, %d], got %v", Columns, shape)
	}
	n := shape[0] * shape[1] * shape[2]
	if r.Header.Descr.Type == "<f8" {
		wide := make([]float64, n)
		if err := r.Read(&wide); err != nil {
			return nil, nil, err
		}
		for _, v := range wide {
			values = append(values, float32(v))
		}
		return values, shape, nil
	}
	values = make([]float32, n)
	return values, shape, r.Read(&values)
}
