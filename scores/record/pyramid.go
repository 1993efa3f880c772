package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
)

// pyramid is the levels of one table: the files name.0, name.1, …
//
// A file is rows of a fixed size: the number of the first step that the row
// covers (uint32), then float32 values, all little-endian. A row of level l
// covers unit·fan^l steps. Level 0 has what was recorded; the others summarize.
type pyramid struct {
	dir, name string
	first     int // step of the first row
	unit      int // steps of a row of level 0
	fan       int
	base      int // values in a row of level 0
	width     int // values in a row of the levels above
	lift      func(dst, base []float32)
	merge     func(dst, row []float32)
}

// The series' values. Above level 0 a row has four values per series: how many
// steps had a finite value, their mean, the smallest and the largest.
func values(dir string, h Header) *pyramid {
	return &pyramid{
		dir: dir, name: reserved, first: h.FirstStep, unit: 1, fan: h.Fan, base: len(h.Series), width: 4 * len(h.Series),
		lift: func(dst, base []float32) {
			for i, v := range base {
				count := float32(1)
				if x := float64(v); math.IsNaN(x) || math.IsInf(x, 0) {
					count, v = 0, 0
				}
				copy(dst[4*i:], []float32{count, v, v, v})
			}
		},
		merge: func(dst, row []float32) {
			for i := 0; i+4 <= len(dst); i += 4 {
				a, b := dst[i:i+4], row[i:i+4]
				switch {
				case !(b[0] > 0):
				case !(a[0] > 0):
					copy(a, b)
				default:
					n, m := float64(a[0]), float64(b[0])
					a[1] = float32((n*float64(a[1]) + m*float64(b[1])) / (n + m))
					a[0], a[2], a[3] = a[0]+b[0], min(a[2], b[2]), max(a[3], b[3])
				}
			}
		},
	}
}

// A kind of histogram: its rows are counts on every level.
func counts(dir string, h Header, kind Histogram) *pyramid {
	return &pyramid{
		dir: dir, name: kind.Kind, first: h.FirstStep, unit: h.HistogramSteps, fan: h.Fan, base: kind.Bins, width: kind.Bins,
		lift: func(dst, base []float32) { copy(dst, base) },
		merge: func(dst, row []float32) {
			for i, v := range row {
				dst[i] += v
			}
		},
	}
}

func (p *pyramid) path(level int) string {
	return filepath.Join(p.dir, p.name+"."+strconv.Itoa(level))
}

// bytes of a row.
func (p *pyramid) bytes(level int) int {
	if level == 0 {
		return 4 * (1 + p.base)
	}
	return 4 * (1 + p.width)
}

// span is the number of level-0 rows that a row of a level covers.
func (p *pyramid) span(level int) int {
	n := 1
	for range level {
		n *= p.fan
	}
	return n
}

// levels is the number of levels that rows of level 0 can fill.
func (p *pyramid) levels(rows int) int {
	n := 1
	for ; rows >= p.fan; rows /= p.fan {
		n++
	}
	return n
}

// rows returns the number of whole rows in a level's file; 0 if there is no file.
func (p *pyramid) rows(level int) (int, error) {
	info, err := os.Stat(p.path(level))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("%s: want a file", p.path(level))
	}
	n := info.Size() / int64(p.bytes(level))
	if n*int64(p.unit) > maxSteps {
		return 0, fmt.Errorf("%s: want at most %d steps, got a file of %d bytes", p.path(level), maxSteps, info.Size())
	}
	return int(n), nil
}

// step is the first step of a row.
func (p *pyramid) step(level, row int) uint32 {
	return uint32(p.first + row*p.span(level)*p.unit)
}

// read visits rows [from, to) of a level, each converted to the width of the levels
// above 0. The slice is valid only during the visit.
func (p *pyramid) read(level, from, to int, visit func(row int, values []float32)) error {
	if from >= to {
		return nil
	}
	f, err := os.Open(p.path(level))
	if err != nil {
		return err
	}
	defer f.Close()
	size := p.bytes(level)
	chunk := max(1, min(to-from, (1<<18)/size))
	buffer := make([]byte, chunk*size)
	raw, row := make([]float32, size/4-1), make([]float32, p.width)
	for at := from; at < to; at += chunk {
		b := buffer[:min(chunk, to-at)*size]
		if _, err := f.ReadAt(b, int64(at)*int64(size)); err != nil {
			if errors.Is(err, io.EOF) {
				return fmt.Errorf("%s: became shorter while it was read (did the run start again?)", p.path(level))
			}
			return err
		}
		for i := range len(b) / size {
			r := b[i*size : (i+1)*size]
			if got, want := binary.LittleEndian.Uint32(r), p.step(level, at+i); got != want {
				return fmt.Errorf("%s: row %d is marked step %d, want %d: the file is damaged", p.path(level), at+i, got, want)
			}
			for j := range raw {
				raw[j] = math.Float32frombits(binary.LittleEndian.Uint32(r[4+4*j:]))
			}
			if level == 0 {
				p.lift(row, raw)
				visit(at+i, row)
			} else {
				visit(at+i, raw)
			}
		}
	}
	return nil
}

// scan visits the level-0 rows [from, to) as rows of a level, or of finer levels where
// that level has not been written yet. from must be a multiple of the level's span.
func (p *pyramid) scan(level, from, to int, visit func(start, span int, values []float32)) error {
	for ; level >= 0 && from < to; level-- {
		have, err := p.rows(level)
		if err != nil {
			return err
		}
		span := p.span(level)
		first, last := from/span, min(have, to/span)
		if first >= last {
			continue
		}
		if err := p.read(level, first, last, func(row int, values []float32) { visit(row*span, span, values) }); err != nil {
			return err
		}
		from = last * span
	}
	return nil
}

// pieces divides [from, to) into at most n bins of equal span, aligned so that
// neighboring views agree. It returns the level to read, at most four rows of which make
// a bin, and the span of a bin in level-0 rows.
func (p *pyramid) pieces(from, to, n int) (level, span int) {
	for p.span(level)*4*n < to-from {
		level++
	}
	unit := p.span(level)
	span = unit
	for (to-1)/span-from/span+1 > n {
		span += unit
	}
	return level, span
}

// cover visits exactly the level-0 rows [from, to), as the largest rows of any level
// that lie within them.
func (p *pyramid) cover(from, to int, visit func(start, span int, values []float32)) error {
	for from < to {
		level := 0
		for wider := p.span(1); from%wider == 0 && from+wider <= to; wider *= p.fan {
			level++
		}
		// Read this level up to the next border of a coarser one, or to the end.
		span, end := p.span(level), to
		if next := (from/p.span(level+1) + 1) * p.span(level+1); next < to {
			end = next
		}
		end = from + (end-from)/span*span
		if err := p.scan(level, from, end, visit); err != nil {
			return err
		}
		from = end
	}
	return nil
}
