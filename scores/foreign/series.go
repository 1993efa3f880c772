package foreign

import (
	"slices"

	"contralens/scores/record"
)

// maxBins is the number of bins that a series keeps. A longer series is merged to half
// of them.
const maxBins = 1 << 15

// series is one curve. A bin has the points whose steps have the same quotient by span;
// bins are in the order of their steps.
type series struct {
	owner  string // file that writes it; all event files are one
	bins   []record.Bin
	span   int
	last   int     // highest step
	newest float64 // value of the highest step
}

// add adds a point. One of an earlier step, such as of a counter that starts again with
// every epoch, goes to its place.
func (c *series) add(step int, value float64) {
	if len(c.bins) == 0 || step >= c.last {
		c.last, c.newest = step, value
	}
	b := record.Bin{Step: step, N: 1, Mean: value, Min: value, Max: value}
	at, found := c.find(step)
	if !found && at > 0 && c.bins[at-1].Step/c.span == step/c.span {
		at, found = at-1, true
	}
	if !found {
		c.bins = slices.Insert(c.bins, at, b)
	} else {
		b.Step = c.bins[at].Step
		record.AppendBin(c.bins[at:at+1:at+1], b)
	}
	for len(c.bins) >= maxBins {
		c.merge()
	}
}

// find returns the index of the first bin that starts at step or later, and whether it
// starts there.
func (c *series) find(step int) (at int, found bool) {
	if n := len(c.bins); n == 0 || step > c.bins[n-1].Step {
		return n, false
	}
	return slices.BinarySearchFunc(c.bins, step, func(b record.Bin, step int) int { return b.Step - step })
}

// merge doubles the span.
func (c *series) merge() {
	c.span *= 2
	merged := c.bins[:0]
	for _, b := range c.bins {
		if n := len(merged); n > 0 && merged[n-1].Step/c.span == b.Step/c.span {
			b.Step = merged[n-1].Step
		}
		merged = record.AppendBin(merged, b)
	}
	c.bins = merged
}

// cut removes the points from a step on.
func (c *series) cut(step int) {
	at, _ := c.find(step)
	if c.bins = c.bins[:at]; at > 0 && c.last >= step {
		c.last, c.newest = c.bins[at-1].Step, c.bins[at-1].Mean
	} else if at == 0 {
		c.last, c.newest = 0, 0
	}
}

// curve merges the bins of the steps from … to into at most points bins.
func (c *series) curve(from, to, points int) (out []record.Bin) {
	points = max(1, points)
	span := max(1, (to-from+points)/points)
	start, _ := c.find(from)
	for _, b := range c.bins[start:] {
		if b.Step > to {
			break
		}
		if n := len(out); n > 0 && (b.Step-from)/span == (out[n-1].Step-from)/span {
			b.Step = out[n-1].Step
		}
		out = record.AppendBin(out, b)
	}
	return out
}
