package dashboard

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"

	"contralens/scores/record"
)

// metricSeries are the values of metrics.jsonl that are shown.
var metricSeries = []struct {
	name, title, axis string
	value             func(line) *float64
}{
	{"loss", "Loss", "InfoNCE loss", func(l line) *float64 { return l.Loss }},
	{"accuracy", "Contrastive accuracy", "positive ranked first, %", func(l line) *float64 { return l.Accuracy }},
	{"lr", "Learning rate", "learning rate", func(l line) *float64 { return l.Rate }},
	{"knn", "k-NN accuracy", "top-1, %", func(l line) *float64 { return l.KNN }},
	{"speed", "Speed", "images/s", func(l line) *float64 { return l.Speed }},
	{"wait", "Waiting for data", "seconds a line", func(l line) *float64 { return l.Wait }},
}

// line is a line of metrics.jsonl; what it doesn't have is nil.
type line struct {
	Epoch    float64  `json:"epoch"`
	Step     *float64 `json:"step"`
	EpochEnd bool     `json:"epoch_end"`
	Loss     *float64 `json:"loss"`
	Accuracy *float64 `json:"acc"`
	Rate     *float64 `json:"lr"`
	KNN      *float64 `json:"knn"`
	Speed    *float64 `json:"img_s"`
	Wait     *float64 `json:"wait_s"`
}

// metrics is metrics.jsonl, read as it grows.
type metrics struct {
	offset int64
	bad    int // lines that are no JSON
	series map[string][]point
}

type point struct {
	step  int
	value float64
}

const (
	maxMetrics = 1 << 30 // bytes of metrics.jsonl that are read
	maxLine    = 1 << 16
)

// openRegular opens a regular file of a run; others, as a pipe, could block.
func openRegular(root *os.Root, name string) (*os.File, os.FileInfo, error) {
	info, err := root.Stat(name)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, errors.New(name + ": want a file")
	}
	f, err := root.Open(name)
	return f, info, err
}

// refresh reads the lines that were added. A last line without its end waits
// for the next time.
func (m *metrics) refresh(root *os.Root, name string) error {
	f, info, err := openRegular(root, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if info.Size() < m.offset { // a new run of the same name
		*m = metrics{}
	}
	if m.series == nil {
		m.series = map[string][]point{}
	}
	buffer, size := make([]byte, 1<<20), min(info.Size(), maxMetrics)
	for m.offset < size {
		n, err := f.ReadAt(buffer[:min(int64(len(buffer)), size-m.offset)], m.offset)
		if n == 0 && err != nil && err != io.EOF {
			return err
		}
		end := bytes.LastIndexByte(buffer[:n], '\n') + 1
		switch {
		case end == 0 && n < maxLine:
			return nil
		case end == 0: // no line of ours
			m.bad++
			m.offset += int64(n)
			continue
		}
		for text := range bytes.Lines(buffer[:end]) {
			m.add(text)
		}
		m.offset += int64(end)
	}
	return nil
}

func (m *metrics) add(text []byte) {
	var l line
	if len(bytes.TrimSpace(text)) == 0 {
		return
	}
	if err := json.Unmarshal(text, &l); err != nil {
		m.bad++
		return
	}
	if l.Step == nil || !(*l.Step >= 0 && *l.Step < 1<<31) {
		return
	}
	step := int(*l.Step)
	for _, s := range metricSeries {
		if v := s.value(l); v != nil {
			points := m.series[s.name]
			// A run that went on from a checkpoint repeats steps.
			for len(points) > 0 && points[len(points)-1].step >= step {
				points = points[:len(points)-1]
			}
			m.series[s.name] = append(points, point{step, *v})
		}
	}
}

// last is the last step that was written.
func (m *metrics) last() int {
	n := 0
	for _, points := range m.series {
		if len(points) > 0 {
			n = max(n, points[len(points)-1].step)
		}
	}
	return n
}

// curve is a series over the steps from … to in at most n bins, which keep its
// peaks. Empty bins are left out.
func (m *metrics) curve(name string, from, to, n int) []record.Bin {
	span := max(1, (to-from+n)/n)
	var bins []record.Bin
	for _, p := range m.series[name] {
		if p.step < from || p.step > to {
			continue
		}
		b := record.Bin{Step: p.step, N: 1, Mean: p.value, Min: p.value, Max: p.value}
		if k := len(bins); k > 0 && (p.step-from)/span == (bins[k-1].Step-from)/span {
			a := &bins[k-1]
			a.Mean = (a.Mean*float64(a.N) + p.value) / float64(a.N+1)
			a.N, a.Min, a.Max = a.N+1, min(a.Min, p.value), max(a.Max, p.value)
			continue
		}
		bins = append(bins, b)
	}
	return bins
}

// tail is the last lines of a file of JSON lines, oldest first.
func tail[T any](root *os.Root, name string, bytesBack int64) []T {
	f, info, err := openRegular(root, name)
	if err != nil {
		return nil
	}
	defer f.Close()
	start := max(0, info.Size()-bytesBack)
	b := make([]byte, info.Size()-start)
	n, err := f.ReadAt(b, start)
	if err != nil && err != io.EOF {
		return nil
	}
	b = b[:n]
	if start > 0 {
		b = b[bytes.IndexByte(b, '\n')+1:]
	}
	var lines []T
	for text := range bytes.Lines(b) {
		var l T
		if json.Unmarshal(text, &l) == nil {
			lines = append(lines, l)
		}
	}
	return lines
}
