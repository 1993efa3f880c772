package dashboard

import (
	"math"
	"slices"
	"strconv"

	"contralens/rundir"
	"contralens/scores"
	"contralens/scores/foreign"
	"contralens/scores/record"
)

// clock maps steps to epochs and to time, for the horizontal axes of curves. Rows are
// [step, value], in ascending order of both. The time is that of training: evaluations and
// pauses do not count.
type clock struct {
	Epochs [][2]float64 `json:"epochs"` // [step, complete epochs]
	// Seconds is [step, seconds]. In a run's metrics it is [step, seconds per image] of the
	// steps since the row before.
	Seconds [][2]float64 `json:"seconds"`
}

// clockRows is the number of rows of each kind that the page gets.
const clockRows = 400

// add adds a line of the metrics. A run that was resumed from a checkpoint repeats steps.
func (c *clock) add(step int, line rundir.Metrics) {
	at := float64(step)
	if line.EpochEnd && line.Epoch > 0 {
		c.Epochs = append(before(c.Epochs, at), [2]float64{at, line.Epoch})
	}
	if line.Speed != nil && *line.Speed > 0 {
		c.Seconds = append(before(c.Seconds, at), [2]float64{at, 1 / *line.Speed})
	}
}

// before returns the rows before a step.
func before(rows [][2]float64, step float64) [][2]float64 {
	for len(rows) > 0 && rows[len(rows)-1][0] >= step {
		rows = rows[:len(rows)-1]
	}
	return rows
}

// clock returns the clock of a run, from its metrics, or else from the series epoch of its
// scores or of another program's metrics. Both may be nil.
func (r *run) clock(source scores.Source, others *foreign.Source) clock {
	c := clock{slices.Clone(r.metrics.clock.Epochs), r.metrics.clock.Seconds}
	const finely = 4 * clockRows
	if source != nil && slices.Contains(source.Series(), "epoch") {
		if numbers, err := source.Curve("epoch", 0, farthest, finely); err == nil {
			c.epochs(numbers)
		}
	}
	if others != nil {
		if numbers, err := others.Curve("epoch", 0, farthest, finely); err == nil {
			c.epochs(numbers)
		}
	}
	return c
}

// epochs adds the epochs of a recorded series of epoch numbers to a clock that has none, as
// other programs have no ends of epochs. The numbers of a record begin with 1, those of some
// programs with 0. Numbers with fractions are complete epochs.
func (c *clock) epochs(numbers []record.Bin) {
	if len(c.Epochs) > 0 || len(numbers) == 0 {
		return
	}
	whole := !slices.ContainsFunc(numbers, func(b record.Bin) bool {
		return b.Min == b.Max && b.Mean != math.Trunc(b.Mean)
	})
	first, last := min(1, numbers[0].Min), numbers[0].Min
	for _, b := range numbers {
		switch {
		case !whole:
			c.Epochs = append(before(c.Epochs, float64(b.Step)), [2]float64{float64(b.Step), b.Mean})
		case b.Min == b.Max && b.Mean > last: // a bin of one epoch, which has just begun
			// Where each step is an epoch, counted from 0, the first one is over at step 1.
			c.Epochs = append(c.Epochs, [2]float64{float64(max(1, b.Step-1)), b.Mean - first})
			last = b.Mean
		}
	}
}

// thinned returns the clock for the page: at most clockRows rows of each kind, which begin
// at step 0, and the time in seconds. It needs the batch size of the options; without it,
// there is no time.
func (c clock) thinned(options map[string]string) clock {
	batch, _ := strconv.ParseFloat(options["batch_size"], 64)
	if batch <= 0 {
		return clock{thinRows(c.Epochs), [][2]float64{}}
	}
	seconds, step, total := make([][2]float64, 0, len(c.Seconds)), 0.0, 0.0
	for _, row := range c.Seconds {
		total += (row[0] - step) * batch * row[1]
		step = row[0]
		seconds = append(seconds, [2]float64{step, total})
	}
	return clock{thinRows(c.Epochs), thinRows(seconds)}
}

// thinRows returns [0, 0] and about clockRows of the rows, with the last one.
func thinRows(rows [][2]float64) [][2]float64 {
	thin := [][2]float64{}
	if len(rows) == 0 {
		return thin
	}
	thin = append(thin, [2]float64{})
	every := (len(rows) + clockRows - 1) / clockRows
	for i, row := range rows {
		if row[0] > 0 && ((i+1)%every == 0 || i == len(rows)-1) {
			thin = append(thin, row)
		}
	}
	return thin
}
