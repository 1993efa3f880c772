package record

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
)

// table writes the levels of a pyramid.
type table struct {
	*pyramid
	unitSum []float32 // sum over the steps of the next row of level 0
	inUnit  int       // number of steps in unitSum
	levels  []*level
	lifted  []float32
}

// level is the file of one level, the bytes to be written, and the sum of the rows that
// do not yet form a row of the next level.
type level struct {
	file    *os.File
	pending []byte
	sum     []float32
	in      int // rows in sum
	rows    int
}

// openTable opens the files to append after a number of steps. It truncates longer files
// and adds missing rows.
func openTable(p *pyramid, steps int) (*table, error) {
	t := &table{pyramid: p, unitSum: make([]float32, p.base), inUnit: steps % p.unit, lifted: make([]float32, p.width)}
	rows := steps / p.unit
	for l := range p.levels(rows) {
		if err := t.open(l, rows/p.span(l)); err != nil {
			t.close()
			return nil, err
		}
	}
	for l := len(t.levels); os.Remove(p.path(l)) == nil; l++ {
	}
	if err := t.sums(); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// open opens the file of level l and makes it have want rows.
func (t *table) open(l, want int) error {
	f, err := os.OpenFile(t.path(l), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	t.levels = append(t.levels, &level{file: f, sum: make([]float32, t.width)})
	have, err := t.rows(l)
	if err != nil {
		return err
	}
	have = min(have, want)
	if err := f.Truncate(int64(have) * int64(t.bytes(l))); err != nil {
		return err
	}
	t.levels[l].rows = have
	if l > 0 {
		return t.summarize(l, have, want)
	}
	// Histograms that a crash lost become rows without counts.
	for range want - have {
		t.put(0, t.unitSum)
	}
	return t.flush()
}

// summarize makes rows [have, want) of level l from those of level l-1.
func (t *table) summarize(l, have, want int) error {
	sum := make([]float32, t.width)
	err := t.read(l-1, have*t.fan, want*t.fan, func(row int, values []float32) {
		if row%t.fan == 0 {
			copy(sum, values)
		} else {
			t.merge(sum, values)
		}
		if row%t.fan == t.fan-1 {
			t.put(l, sum)
		}
	})
	return errors.Join(err, t.flush())
}

// sums reads the rows that do not yet form a row of the next level.
func (t *table) sums() error {
	for l, level := range t.levels {
		err := t.read(l, level.rows/t.fan*t.fan, level.rows, func(_ int, values []float32) { t.gather(level, values) })
		if err != nil {
			return err
		}
	}
	return nil
}

// put adds a row of level l, in its stored form, to the bytes to be written.
func (t *table) put(l int, stored []float32) {
	level := t.levels[l]
	level.pending = binary.LittleEndian.AppendUint32(level.pending, t.step(l, level.rows))
	for _, v := range stored {
		level.pending = binary.LittleEndian.AppendUint32(level.pending, math.Float32bits(v))
	}
	level.rows++
}

// gather adds a row to the sum of its level.
func (t *table) gather(l *level, row []float32) {
	if l.in == 0 {
		copy(l.sum, row)
	} else {
		t.merge(l.sum, row)
	}
	l.in++
}

// add adds the values of the next step.
func (t *table) add(v []float32) {
	if t.unit > 1 {
		for i, x := range v {
			t.unitSum[i] += x
		}
		if t.inUnit++; t.inUnit < t.unit {
			return
		}
		v = t.unitSum
	}
	t.push(0, v)
	if t.unit > 1 {
		clear(t.unitSum)
		t.inUnit = 0
	}
}

// push adds a row to level l and, if that completes a row of the next level, adds it too.
func (t *table) push(l int, stored []float32) {
	if l == len(t.levels) {
		t.levels = append(t.levels, &level{sum: make([]float32, t.width)})
	}
	t.put(l, stored)
	if l == 0 {
		t.lift(t.lifted, stored)
		stored = t.lifted
	}
	level := t.levels[l]
	if t.gather(level, stored); level.in == t.fan {
		level.in = 0
		t.push(l+1, level.sum)
	}
}

// flush writes the pending rows, coarse levels first: a reader uses a row above level 0
// only if level 0 has its steps.
func (t *table) flush() error {
	for l := len(t.levels) - 1; l >= 0; l-- {
		level := t.levels[l]
		if level.file == nil {
			f, err := os.OpenFile(t.path(l), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
			if err != nil {
				return err
			}
			level.file = f
		}
		if len(level.pending) == 0 {
			continue
		}
		size := t.bytes(l)
		at := int64(level.rows)*int64(size) - int64(len(level.pending))
		if _, err := level.file.WriteAt(level.pending, at); err != nil {
			return err
		}
		level.pending = level.pending[:0]
	}
	return nil
}

func (t *table) close() (err error) {
	for _, level := range t.levels {
		if level.file != nil {
			err = errors.Join(err, level.file.Close())
		}
	}
	return err
}
