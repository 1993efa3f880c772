package dashboard

import (
	"strconv"

	"contralens/rundir"
)

// clock maps steps to epochs and to time, for the horizontal axes of curves. Rows are
// [step, value], in ascending order of both. The time is that of training: evaluations and
// pauses do not count.
type clock struct {
	Epochs  [][2]float64 `json:"epochs"`  // [step, complete epochs]
	Seconds [][2]float64 `json:"seconds"` // [step, seconds]; in a run's metrics, seconds per image of the steps since the row before
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
		if (i+1)%every == 0 || i == len(rows)-1 {
			thin = append(thin, row)
		}
	}
	return thin
}
