package rundir

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"path/filepath"

	"contralens/internal/jsonl"
)

// Metrics is a line of metrics.jsonl: the state of a step every --print_freq steps, the
// means of an epoch at its end, a k-NN accuracy, or an event. What a line does not have is
// nil or empty. Numbers are floats since other programs write them so.
type Metrics struct {
	Accuracy       *float64 `json:"acc,omitempty"`       // contrastive top-1, percent
	AccuracyMean   *float64 `json:"acc_mean,omitempty"`  // of the epoch
	Compute        *float64 `json:"compute_s,omitempty"` // seconds of the steps since the last line
	Deviation      *float64 `json:"deviation,omitempty"` // of a query's negative scores
	Epoch          float64  `json:"epoch"`
	EpochEnd       bool     `json:"epoch_end,omitempty"`
	Event          string   `json:"event,omitempty"` // collapse or mix_start
	Gap            *float64 `json:"gap,omitempty"`   // of positive and negative scores
	Speed          *float64 `json:"img_s,omitempty"` // images per second
	JigsawAccuracy *float64 `json:"jig_acc_mean,omitempty"`
	JigsawLoss     *float64 `json:"jig_loss_mean,omitempty"`
	KNN            *float64 `json:"knn,omitempty"` // top-1, percent
	Loss           *float64 `json:"loss,omitempty"`
	LossMean       *float64 `json:"loss_mean,omitempty"` // of the epoch
	Rate           *float64 `json:"lr,omitempty"`
	Message        string   `json:"message,omitempty"` // of the event
	NegativeMean   *float64 `json:"neg_mean,omitempty"`
	Step           *float64 `json:"step,omitempty"`
	Wait           *float64 `json:"wait_s,omitempty"` // seconds of waiting for data since the last line
}

// Events that Metrics tells of.
const (
	EventCollapse = "collapse"  // the features have collapsed
	EventMixStart = "mix_start" // the feature transformation sets in
)

// AddMetrics appends a line to the metrics of a run directory.
func AddMetrics(dir string, m Metrics) error { return metricsOf(dir).Add(m) }

// KeepMetrics removes what the metrics of a run directory have of steps after step, to
// which the run was put back.
func KeepMetrics(dir string, step int) error {
	return metricsOf(dir).Keep(func(v map[string]any) bool { return !above(v["step"], step) })
}

// RemoveKNN removes what the metrics of a run directory have of the k-NN accuracy of an
// epoch.
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
	maxMetrics  = 1 << 30 // bytes of metrics.jsonl that are followed
	maxLine     = 1 << 16 // of it; more without an end is no line of ours
	metricsTail = 1 << 16 // bytes of it that LastMetrics reads
)

// LastMetrics reads the last lines of the metrics in a folder, the oldest first. Lines
// that are none are left out; a file that cannot be read has none.
func LastMetrics(folder fs.StatFS) []Metrics { return tail[Metrics](folder, MetricsFile, metricsTail) }

// MetricsFollower reads the metrics of a run as they grow. The zero value begins at the
// first line.
type MetricsFollower struct {
	Bad    int // lines that are no JSON, so far
	offset int64
}

// Follow gives add the lines that were added to the metrics in a folder since the last
// time. A last line without its end waits for the next time. It calls restart first if
// the file is shorter than it was, since it is then a new run's. A file that is not there
// has no lines.
func (f *MetricsFollower) Follow(folder fs.StatFS, add func(Metrics), restart func()) error {
	file, size, err := openRegular(folder, MetricsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if size < f.offset {
		*f = MetricsFollower{}
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
			f.Bad++
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

func (f *MetricsFollower) line(text []byte, add func(Metrics)) {
	if len(bytes.TrimSpace(text)) == 0 {
		return
	}
	var m Metrics
	if err := json.Unmarshal(text, &m); err != nil {
		f.Bad++
		return
	}
	add(m)
}
