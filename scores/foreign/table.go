package foreign

import (
	"bytes"
	"encoding/csv"
	"io"
	"slices"
	"strconv"
	"strings"
)

const bom = "\ufeff"

// table reads a CSV file with a head. Cells may be empty: Lightning writes a row for the
// values of a step and another one for those of the validation.
type table struct {
	rows
	head    []byte // the first line as it is
	comma   rune
	columns []string
	stepAt  int // column of the step; -1: none
	epochAt int
}

func newTable() *table { return &table{stepAt: -1, epochAt: -1} }

func (t *table) about() string { return "CSV" + t.unit() }

// sniff reports whether the first line is a head that names steps or epochs, or the
// second one a row of numbers.
func (t *table) sniff(b []byte) bool {
	first, rest, complete := bytes.Cut(b, []byte("\n"))
	if !complete || !t.start(first) || len(t.columns) < 2 {
		return false
	}
	if t.stepAt >= 0 || t.epochAt >= 0 {
		return true
	}
	second, _, _ := bytes.Cut(rest, []byte("\n"))
	cells, err := t.split(second)
	return err == nil && slices.ContainsFunc(cells, func(c string) bool { _, ok := number(c); return ok })
}

// start takes the head from the first line. ok is false if it is none.
func (t *table) start(line []byte) (ok bool) {
	text := bytes.TrimPrefix(line, []byte(bom))
	t.comma = ','
	for _, c := range ";\t" {
		if bytes.Count(text, []byte(string(c))) > bytes.Count(text, []byte(string(t.comma))) {
			t.comma = c
		}
	}
	cells, err := t.split(text)
	if err != nil || slices.ContainsFunc(cells, func(c string) bool { _, ok := number(c); return ok }) {
		return false
	}
	t.head, t.columns = slices.Clone(line), cells
	t.stepAt, t.epochAt = column(cells, steps), column(cells, epochs)
	return true
}

// column returns the index of the first of some names, or -1.
func column(cells, names []string) int {
	for _, name := range names {
		if i := slices.IndexFunc(cells, func(c string) bool { return plain(c) == name }); i >= 0 {
			return i
		}
	}
	return -1
}

func (t *table) split(line []byte) (cells []string, err error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimRight(line, "\r\n")))
	r.Comma, r.LazyQuotes = t.comma, true
	cells, err = r.Read()
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells, err
}

// number reads a cell.
func number(cell string) (x float64, ok bool) {
	x, err := strconv.ParseFloat(cell, 64)
	return x, err == nil
}

func (t *table) read(f io.ReaderAt, size int64, s *Source) error {
	err := t.lines(f, size, func(line []byte) {
		if t.columns == nil {
			t.start(line)
			return
		}
		cells, err := t.split(line)
		if err != nil || len(cells) > len(t.columns) {
			t.bad++
			return
		}
		t.row(cells, s)
	})
	if err != nil {
		return err
	}
	return t.badLines("a row of the table")
}

func (t *table) row(cells []string, s *Source) {
	cell := func(i int) *float64 {
		if i < 0 || i >= len(cells) {
			return nil
		}
		if x, ok := number(cells[i]); ok {
			return &x
		}
		return nil
	}
	at := t.place(cell(t.stepAt), cell(t.epochAt))
	for i, c := range cells {
		if x, ok := number(c); ok && i != t.stepAt {
			s.add(t.columns[i], at, x)
		}
	}
}
