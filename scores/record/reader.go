package record

import (
	"fmt"
	"math"
	"slices"
)

// Record reads a score record, even while a training writes it. It is not safe for
// concurrent use.
type Record struct {
	Header
	dir   string
	steps int
}

// Open opens the record in dir, which is <run>/scores/record (see [Dir]).
func Open(dir string) (*Record, error) {
	r := &Record{dir: dir}
	return r, r.Refresh()
}

// Refresh makes steps visible that were written since Open or the last Refresh.
func (r *Record) Refresh() error {
	h, err := readHeader(r.dir)
	if err != nil {
		return err
	}
	n, err := values(r.dir, h).rows(0)
	if err != nil {
		return err
	}
	r.Header, r.steps = h, n
	return nil
}

// Series returns the names of the recorded series.
func (r *Record) Series() []string { return r.Header.Series }

// Kinds returns the kinds of histograms.
func (r *Record) Kinds() []string {
	var names []string
	for _, h := range r.Header.Histograms {
		names = append(names, h.Kind)
	}
	return names
}

// Range returns the first and the last recorded step; last is first-1 if the record is
// empty.
func (r *Record) Range() (first, last int) { return r.FirstStep, r.FirstStep + r.steps - 1 }

// Bin summarizes a series over the steps from Step up to the next bin. N is the number of
// steps with a finite value; Mean, Min and Max are those of the finite values.
type Bin struct {
	Step, N        int
	Mean, Min, Max float64
}

// maxPoints bounds the memory of one query.
const maxPoints = 1 << 17

// Curve returns a series over the steps from … to in at most points bins, whose Min and
// Max keep its peaks. Bins are aligned and may start before from; Summary is exact. Bins
// without a finite value are omitted.
func (r *Record) Curve(name string, from, to, points int) ([]Bin, error) {
	all, err := r.Curves([]string{name}, from, to, points)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// Curves is Curve for several series, read together.
func (r *Record) Curves(names []string, from, to, points int) ([][]Bin, error) {
	column := make([]int, len(names))
	for i, name := range names {
		if column[i] = slices.Index(r.Header.Series, name); column[i] < 0 {
			return nil, fmt.Errorf("%s: there is no series %q", r.dir, name)
		}
	}
	out := make([][]Bin, len(names))
	p := values(r.dir, r.Header)
	from, to, points = r.clip(from, to, points)
	if from >= to {
		return out, nil
	}
	level, span := p.pieces(from, to, points)
	err := p.scan(level, from/span*span, to, func(start, _ int, row []float32) {
		step := r.FirstStep + start/span*span
		for i, c := range column {
			b, ok := binOf(row[4*c : 4*c+4])
			if !ok {
				continue
			}
			b.Step = step
			out[i] = AppendBin(out[i], b)
		}
	})
	return out, err
}

// Summary returns one bin of a series over exactly the steps from … to. Its N is 0 if no
// value is finite.
func (r *Record) Summary(name string, from, to int) (Bin, error) {
	column := slices.Index(r.Header.Series, name)
	if column < 0 {
		return Bin{}, fmt.Errorf("%s: there is no series %q", r.dir, name)
	}
	from, to, _ = r.clip(from, to, 1)
	var sum []Bin
	err := values(r.dir, r.Header).cover(from, to, func(_, _ int, row []float32) {
		if b, ok := binOf(row[4*column : 4*column+4]); ok {
			b.Step = r.FirstStep + from
			sum = AppendBin(sum, b)
		}
	})
	return append(sum, Bin{Step: r.FirstStep + from})[0], err
}

// clip converts steps to the existing rows [from, to) and bounds points.
func (r *Record) clip(from, to, points int) (int, int, int) {
	first, last := r.Range()
	from, to = max(from, first), min(to, last)
	return from - first, to - first + 1, min(max(1, points), maxPoints)
}

func binOf(v []float32) (b Bin, ok bool) {
	for _, x := range v {
		if y := float64(x); math.IsNaN(y) || math.IsInf(y, 0) {
			return b, false
		}
	}
	return Bin{N: int(v[0]), Mean: float64(v[1]), Min: float64(v[2]), Max: float64(v[3])}, v[0] >= 1 && v[0] <= maxSteps
}

// AppendBin appends a bin, or merges it with the last one if both start with the same
// step.
func AppendBin(bins []Bin, b Bin) []Bin {
	last := len(bins) - 1
	if last < 0 || bins[last].Step != b.Step {
		return append(bins, b)
	}
	a := &bins[last]
	a.N += b.N
	a.Mean += (b.Mean - a.Mean) * float64(b.N) / float64(a.N)
	a.Min, a.Max = min(a.Min, b.Min), max(a.Max, b.Max)
	return bins
}

// Heat is a kind of histogram over time. Edges has one more element than the Counts of a
// row. The first and the last bin also count values beyond the edges.
type Heat struct {
	Edges []float64
	Rows  []HeatRow
}

// HeatRow is the histogram of N steps, starting with Step.
type HeatRow struct {
	Step, N int
	Counts  []float64
}

// maxCounts bounds the size of a Heat, in numbers.
const maxCounts = 1 << 23

// Histograms returns the histograms of a kind over the steps from … to in at most rows
// rows. Rows are aligned and may start before from; Sum is exact. If a record has no
// raw_pos and raw_neg, the training transforms nothing, and they equal pos and neg.
func (r *Record) Histograms(kind string, from, to, rows int) (Heat, error) {
	i := r.histogram(kind)
	if i < 0 {
		return Heat{}, fmt.Errorf("%s: there is no histogram %q", r.dir, kind)
	}
	h := r.Header.Histograms[i]
	heat := Heat{Edges: h.Edges()}
	p := counts(r.dir, r.Header, h)
	have, err := p.rows(0)
	if err != nil {
		return heat, err
	}
	from, to, rows = r.clip(from, to, rows)
	rows = max(1, min(rows, maxCounts/h.Bins))
	from, to = from/p.unit, min((to+p.unit-1)/p.unit, have)
	if from >= to {
		return heat, nil
	}
	level, span := p.pieces(from, to, rows)
	err = p.scan(level, from/span*span, to, func(start, n int, row []float32) {
		step := r.FirstStep + start/span*span*p.unit
		last := len(heat.Rows) - 1
		if last < 0 || heat.Rows[last].Step != step {
			heat.Rows = append(heat.Rows, HeatRow{Step: step, Counts: make([]float64, h.Bins)})
			last++
		}
		heat.Rows[last].N += n * p.unit
		addCounts(heat.Rows[last].Counts, row)
	})
	return heat, err
}

// Sum returns one histogram of a kind over exactly the steps from … to, as a Heat of at
// most one row, which has the steps that it covers. If the record stores histograms of
// several steps (HistogramSteps), those that contain from and to are included entirely.
func (r *Record) Sum(kind string, from, to int) (Heat, error) {
	i := r.histogram(kind)
	if i < 0 {
		return Heat{}, fmt.Errorf("%s: there is no histogram %q", r.dir, kind)
	}
	h := r.Header.Histograms[i]
	heat := Heat{Edges: h.Edges()}
	p := counts(r.dir, r.Header, h)
	have, err := p.rows(0)
	if err != nil {
		return heat, err
	}
	from, to, _ = r.clip(from, to, 1)
	from, to = from/p.unit, min((to+p.unit-1)/p.unit, have)
	if from >= to {
		return heat, nil
	}
	row := HeatRow{Step: r.FirstStep + from*p.unit, Counts: make([]float64, h.Bins)}
	err = p.cover(from, to, func(_, n int, values []float32) {
		row.N += n * p.unit
		addCounts(row.Counts, values)
	})
	heat.Rows = []HeatRow{row}
	return heat, err
}

// addCounts adds the counts of a row to sum. Damaged counts (negative or not finite) are
// taken as 0.
func addCounts(sum []float64, row []float32) {
	for j, v := range row {
		if x := float64(v); x > 0 && !math.IsInf(x, 0) {
			sum[j] += x
		}
	}
}

// histogram is the index of a kind, or -1.
func (r *Record) histogram(kind string) int {
	kinds := r.Kinds()
	i := slices.Index(kinds, kind)
	if i < 0 && (kind == "raw_pos" || kind == "raw_neg") {
		i = slices.Index(kinds, kind[len("raw_"):])
	}
	return i
}
