package foreign

import (
	"fmt"
	"math"
	"slices"

	"contralens/events"
	"contralens/scores/record"
)

const (
	maxRows    = 256 // histograms that a kind keeps; of more, neighbors are merged
	maxBuckets = 256 // of a histogram that are kept
	bins       = 128 // of the histograms that are returned
)

// row is one histogram: counts[i] values lie between edges[i] and edges[i+1].
type row struct {
	step, n int // first step, and number of histograms
	edges   []float32
	counts  []float32
}

// histograms are those of one tag, in the order of their steps.
type histograms struct {
	rows []row
}

// addHistogram adds a histogram to a kind.
func (s *Source) addHistogram(kind string, step int64, h *events.Histogram) {
	if kind == "" || step < 0 || step >= maxStep {
		return
	}
	r, ok := rowOf(int(step), h)
	if !ok {
		return
	}
	k := s.kinds[kind]
	if k == nil {
		if len(s.names) >= maxKinds {
			s.lost = true
			return
		}
		k = &histograms{}
		s.kinds[kind], s.names = k, append(s.names, kind)
	}
	k.add(r)
}

// rowOf takes the buckets that have values from a histogram of TensorBoard, whose first
// and last bucket end at the smallest and the largest value. Buckets of histograms with
// more than maxBuckets are merged.
func rowOf(step int, h *events.Histogram) (r row, ok bool) {
	r = row{step: step, n: 1}
	merge := (len(h.Limits) + maxBuckets - 1) / maxBuckets
	low := h.Min
	for i, limit := range h.Limits {
		count := h.Counts[i]
		high := min(limit, h.Max)
		if !(count > 0) || math.IsInf(count, 0) || !(high > low) {
			if count > 0 && high == low && !math.IsInf(count, 0) { // all values are equal
				high = low + max(1e-6, math.Abs(low)*1e-6)
			} else {
				low = max(low, min(limit, h.Max))
				continue
			}
		}
		n := len(r.counts)
		switch {
		case n > 0 && i%merge != 0 && r.edges[n] == float32(low):
			r.edges[n], r.counts[n-1] = float32(high), r.counts[n-1]+float32(count)
		case n > 0 && r.edges[n] == float32(low):
			r.edges, r.counts = append(r.edges, float32(high)), append(r.counts, float32(count))
		case n > 0: // a gap of empty buckets
			r.edges, r.counts = append(r.edges, float32(low), float32(high)), append(r.counts, 0, float32(count))
		default:
			r.edges, r.counts = []float32{float32(low), float32(high)}, []float32{float32(count)}
		}
		low = high
	}
	for _, e := range r.edges {
		if x := float64(e); math.IsNaN(x) || math.IsInf(x, 0) {
			return r, false
		}
	}
	return r, len(r.counts) > 0
}

func (k *histograms) add(r row) {
	at, found := slices.BinarySearchFunc(k.rows, r.step, func(r row, step int) int { return r.step - step })
	if found {
		k.rows[at] = r
		return
	}
	k.rows = slices.Insert(k.rows, at, r)
	if len(k.rows) < maxRows {
		return
	}
	merged := k.rows[:0]
	for i := 0; i+1 < len(k.rows); i += 2 {
		merged = append(merged, k.rows[i].with(k.rows[i+1]))
	}
	k.rows = merged
}

// with adds a histogram to another one.
func (r row) with(other row) row {
	low, high := min(r.edges[0], other.edges[0]), max(r.edges[len(r.edges)-1], other.edges[len(other.edges)-1])
	out := row{step: r.step, n: r.n + other.n}
	for i := range maxBuckets + 1 {
		out.edges = append(out.edges, low+(high-low)*float32(i)/maxBuckets)
	}
	sum := make([]float64, maxBuckets)
	for _, x := range []row{r, other} {
		x.into(sum, float64(low), float64(high))
	}
	for _, x := range sum {
		out.counts = append(out.counts, float32(x))
	}
	return out
}

func (k *histograms) cut(step int) {
	at, _ := slices.BinarySearchFunc(k.rows, step, func(r row, step int) int { return r.step - step })
	k.rows = k.rows[:at]
}

// into adds the counts to bins of equal width from low to high. A bucket's values are
// taken as evenly spread over it.
func (r row) into(sum []float64, low, high float64) {
	width := (high - low) / float64(len(sum))
	if !(width > 0) {
		return
	}
	for i, count := range r.counts {
		a, b := float64(r.edges[i]), float64(r.edges[i+1])
		first := min(max(int((a-low)/width), 0), len(sum)-1)
		last := min(max(int((b-low)/width), first), len(sum)-1)
		if !(b > a) || first == last {
			sum[first] += float64(count)
			continue
		}
		for j := first; j <= last; j++ {
			from, to := low+float64(j)*width, low+float64(j+1)*width
			if j == first { // with what lies before the first bin
				from = a
			}
			if j == last {
				to = b
			}
			sum[j] += float64(count) * max(0, to-from) / (b - a)
		}
	}
}

// Kinds returns the tags of the histograms.
func (s *Source) Kinds() []string { return s.names }

// Histograms returns the histograms of a kind over the steps from … to in at most rows
// rows, with the same edges. If a few values are far from the others, the edges leave out
// a thousandth of the values at each end, and the first and last bin count them.
func (s *Source) Histograms(kind string, from, to, rows int) (record.Heat, error) {
	k := s.kinds[kind]
	if k == nil {
		return record.Heat{}, fmt.Errorf("there is no histogram %q", kind)
	}
	low, high := k.usual()
	h := record.Histogram{Kind: kind, Low: low, High: high, Bins: bins}
	heat := record.Heat{Edges: h.Edges()}
	var chosen []row
	for _, r := range k.rows {
		if r.step >= from && r.step <= to {
			chosen = append(chosen, r)
		}
	}
	per := max(1, (len(chosen)+max(rows, 1)-1)/max(rows, 1))
	for i, r := range chosen {
		if i%per == 0 {
			heat.Rows = append(heat.Rows, record.HeatRow{Step: r.step, Counts: make([]float64, bins)})
		}
		last := &heat.Rows[len(heat.Rows)-1]
		last.N += r.n
		r.into(last.Counts, low, high)
	}
	return heat, nil
}

// usual returns the range of the values, or if that is wide for a few of them, the range
// of all but a thousandth at each end.
func (k *histograms) usual() (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, r := range k.rows {
		low, high = min(low, float64(r.edges[0])), max(high, float64(r.edges[len(r.edges)-1]))
	}
	for range 4 { // a few far values make the first grid too coarse
		sum := make([]float64, 512)
		total, width := 0.0, (high-low)/512
		for _, r := range k.rows {
			r.into(sum, low, high)
		}
		for _, x := range sum {
			total += x
		}
		first, last := 0, len(sum)-1
		for n := sum[0]; n < total/1000 && first < last; n += sum[first] {
			first++
		}
		for n := sum[last]; n < total/1000 && last > first; n += sum[last] {
			last--
		}
		if last-first >= 460 { // nothing is far
			break
		}
		low, high = low+float64(first)*width, low+float64(last+1)*width
	}
	return low, high
}
