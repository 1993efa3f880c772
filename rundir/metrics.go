package rundir

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"contralens/internal/jsonl"
)

// Metrics is a line of metrics.jsonl: the state of a step every --print_freq steps, the
// means of an epoch at its end, a k-NN accuracy, or an event. Fields that a line does
// not have are nil or empty. All numbers are floats, as other programs write them.
type Metrics struct {
	Accuracy       *float64 `json:"acc,omitempty"`       // contrastive top-1, percent
	AccuracyMean   *float64 `json:"acc_mean,omitempty"`  // of the epoch
	Compute        *float64 `json:"compute_s,omitempty"` // seconds of computing since the last line
	Deviation      *float64 `json:"deviation,omitempty"` // standard deviation of a query's negative scores
	Epoch          float64  `json:"epoch"`
	EpochEnd       bool     `json:"epoch_end,omitempty"`
	Event          string   `json:"event,omitempty"` // EventCollapse, EventMixStart, EventDiagnosis, …
	Gap            *float64 `json:"gap,omitempty"`   // mean difference of positive and negative scores
	Speed          *float64 `json:"img_s,omitempty"` // images per second
	JigsawAccuracy *float64 `json:"jig_acc_mean,omitempty"`
	JigsawLoss     *float64 `json:"jig_loss_mean,omitempty"`
	KNN            *float64 `json:"knn,omitempty"` // top-1, percent
	Loss           *float64 `json:"loss,omitempty"`
	LossMean       *float64 `json:"loss_mean,omitempty"` // of the epoch
	Rate           *float64 `json:"lr,omitempty"`
	// Of several processes, by rank, since the last line: seconds of a step of waiting for data,
	// and of computing.
	RankCompute  []float64 `json:"rank_compute_s,omitempty"`
	RankWait     []float64 `json:"rank_wait_s,omitempty"`
	Message      string    `json:"message,omitempty"` // of the event
	NegativeMean *float64  `json:"neg_mean,omitempty"`
	Step         *float64  `json:"step,omitempty"`
	Steps        *float64  `json:"steps,omitempty"`  // of the whole training, as planned
	Wait         *float64  `json:"wait_s,omitempty"` // seconds of waiting for data since the last line

	*DetectionMetrics // of trainings of detectors; else nil
}

// Values of Metrics.Event.
const (
	EventCollapse  = "collapse"  // the features have collapsed
	EventSlow      = "slow_rank" // all processes wait for one
	EventMixStart  = "mix_start" // the feature transformation starts
	EventDiagnosis = "diagnosis" // why the training goes wrong, once for each cause
	EventSettled   = "settled"   // neighbors, rank and alignment change little
)

// AddMetrics appends a line to the metrics of a run directory.
func AddMetrics(dir string, m Metrics) error { return metricsOf(dir).Add(m) }

// KeepMetrics removes the metrics of all steps after step from a run directory, for a
// run that resumes there.
func KeepMetrics(dir string, step int) error {
	return metricsOf(dir).Keep(func(v map[string]any) bool { return !above(v["step"], step) })
}

// RemoveKNN removes the k-NN accuracy of an epoch from the metrics of a run directory.
func RemoveKNN(dir string, epoch int) error {
	return metricsOf(dir).Keep(func(v map[string]any) bool { return v["knn"] == nil || v["epoch"] != float64(epoch) })
}

func metricsOf(dir string) jsonl.File { return jsonl.File(filepath.Join(dir, MetricsFile)) }

// above reports whether a value of a line is a number above n.
func above(v any, n int) bool {
	x, ok := v.(float64)
	return ok && x > float64(n)
}

const (
	maxMetrics  = 1 << 30 // bytes of metrics.jsonl that are read
	maxLine     = 1 << 16 // bytes of a line; a longer one is not ours
	metricsTail = 1 << 16 // bytes that LastMetrics reads from the end of metrics.jsonl
)

// LastMetrics reads the last lines of the metrics in a folder, the oldest first. It
// skips lines that are not metrics. If the file cannot be read, the result is empty.
func LastMetrics(folder fs.StatFS) []Metrics { return tail[Metrics](folder, MetricsFile, metricsTail) }

// epochTail is the number of bytes that LastEpochEnd reads from the end of metrics.jsonl.
const epochTail = 4 << 20

// LastEpochEnd returns the last line with the mean loss of an epoch, which LastMetrics does
// not reach if an epoch has many lines. ok is false if there is none.
func LastEpochEnd(folder fs.StatFS) (m Metrics, ok bool) {
	f, size, err := openRegular(folder, MetricsFile)
	if err != nil {
		return m, false
	}
	defer f.Close()
	start := max(0, size-epochTail)
	b := make([]byte, size-start)
	n, err := f.ReadAt(b, start)
	if err != nil && err != io.EOF {
		return m, false
	}
	b = b[:n]
	at := bytes.LastIndex(b, []byte(`"loss_mean"`))
	end := bytes.IndexByte(b[max(0, at):], '\n')
	if at < 0 || end < 0 {
		return m, false
	}
	line := b[bytes.LastIndexByte(b[:at], '\n')+1 : at+end]
	return m, json.Unmarshal(line, &m) == nil && m.LossMean != nil
}

// Follower reads the lines of a file of JSON objects as the file grows: MetricsFile as
// Metrics, or SystemFile as System. The zero value starts at the first line.
type Follower[T any] struct {
	Bad    int // number of lines so far that are no objects of the kind
	first  int // the first of them, from 1
	lines  int // read so far
	offset int64
}

// Skipped says which lines of the file, whose name is given, were skipped; nil if there are none.
func (f *Follower[T]) Skipped(name string) error {
	switch f.Bad {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("%s: line %d is not a JSON object with what this file has; it is skipped (damaged?)", name, f.first)
	}
	return fmt.Errorf("%s: %d lines are not JSON objects with what this file has, the first is line %d; they are "+
		"skipped (damaged?)", name, f.Bad, f.first)
}

// Skip counts the line that add was called with last as one that is none of the kind.
func (f *Follower[T]) Skip() {
	if f.Bad++; f.first == 0 {
		f.first = f.lines
	}
}

// Follow calls add with the lines that were appended to a file of a folder since the last
// call. It reads an incomplete last line the next time. If the file has become shorter, it
// belongs to a new run, and Follow calls restart first. A missing file has no lines.
func (f *Follower[T]) Follow(folder fs.StatFS, name string, add func(T), restart func()) error {
	file, size, err := openRegular(folder, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if size < f.offset {
		*f = Follower[T]{}
		restart()
	}
	buffer, size := make([]byte, 1<<20), min(size, maxMetrics)
	for f.offset < size {
		n, err := file.ReadAt(buffer[:min(int64(len(buffer)), size-f.offset)], f.offset)
		if n == 0 && err != nil && err != io.EOF {
			return err
		}
		end := bytes.LastIndexByte(buffer[:n], '\n') + 1
		switch {
		case end == 0 && n < maxLine:
			return nil
		case end == 0:
			f.lines++
			f.Skip()
			f.offset += int64(n)
			continue
		}
		for text := range bytes.Lines(buffer[:end]) {
			f.line(text, add)
		}
		f.offset += int64(end)
	}
	return nil
}

func (f *Follower[T]) line(text []byte, add func(T)) {
	f.lines++
	if len(bytes.TrimSpace(text)) == 0 {
		return
	}
	var m T
	if err := json.Unmarshal(text, &m); err != nil {
		f.Skip()
		return
	}
	add(m)
}
