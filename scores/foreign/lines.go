package foreign

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
)

const (
	chunk   = 1 << 20 // bytes read at a time
	maxLine = 1 << 18 // bytes of a line
	depth   = 4       // of objects in objects
)

// steps are the keys that count steps, and epochs those that count epochs, in the form of
// plain. A step is no series but the place of the other values.
var (
	steps = []string{
		"step", "global_step", "trainer_global_step", "iteration", "iter", "iterations", "steps", "train_step",
	}
	epochs = []string{"epoch", "epochs", "train_epoch"}
)

// rows reads whole lines of a growing file.
type rows struct {
	at      int64
	bad     int // lines that were skipped
	number  int64
	step    int64 // of the last line that has one
	stepped bool  // a line has a step
	byEpoch bool  // a line has an epoch and no step
}

func (r *rows) offset() int64 { return r.at }

// lines calls use with the complete lines after the last call, line ends included. It
// skips blank ones.
func (r *rows) lines(f io.ReaderAt, size int64, use func(line []byte)) error {
	buffer := make([]byte, chunk)
	for r.at < size {
		n, err := f.ReadAt(buffer[:min(chunk, size-r.at)], r.at)
		if n == 0 {
			if err == io.EOF {
				return nil
			}
			return err
		}
		end := bytes.LastIndexByte(buffer[:n], '\n') + 1
		switch {
		case end == 0 && n < maxLine:
			return nil // the line is being written
		case end == 0:
			r.bad++
			r.at += int64(n)
			continue
		}
		for line := range bytes.Lines(buffer[:end]) {
			if len(bytes.TrimSpace(line)) > 0 {
				use(line)
			}
		}
		r.at += int64(end)
	}
	return nil
}

// place returns the step of a row: its step, or else that of the last row, or else its
// epoch, or else its number.
func (r *rows) place(step, epoch *float64) int64 {
	r.number++
	switch {
	case step != nil:
		r.step, r.stepped = whole(*step), true
		return r.step
	case r.stepped:
		return r.step
	case epoch != nil:
		r.byEpoch = true
		return whole(*epoch)
	}
	return r.number
}

// whole converts a step; one out of range becomes -1, which has no place.
func whole(x float64) int64 {
	if x >= 0 && x < maxStep {
		return int64(x)
	}
	return -1
}

func (r *rows) unit() string {
	switch {
	case r.stepped:
		return ""
	case r.byEpoch:
		return ", steps are epochs"
	}
	return ", steps are lines"
}

func (r *rows) badLines(what string) error {
	switch r.bad {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("a line is not %s; it is skipped", what)
	}
	return fmt.Errorf("%d lines are not %s; they are skipped", r.bad, what)
}

// jsonLines reads JSON objects, one per line.
type jsonLines struct {
	rows
}

func (l *jsonLines) about() string { return "JSON lines" + l.unit() }

// sniff reports whether the first line is an object with a number.
func (l *jsonLines) sniff(b []byte) bool {
	line, _, complete := bytes.Cut(bytes.TrimPrefix(b, []byte(bom)), []byte("\n"))
	values, ok := parse(bytes.TrimSpace(line))
	return complete && ok && len(values) > 0
}

func (l *jsonLines) read(f io.ReaderAt, size int64, s *Source) error {
	err := l.lines(f, size, func(line []byte) {
		values, ok := parse(bytes.TrimSpace(bytes.TrimPrefix(line, []byte(bom))))
		if !ok {
			l.bad++
			return
		}
		l.row(values, s)
	})
	if err != nil {
		return err
	}
	return l.badLines("a JSON object")
}

func (l *jsonLines) row(values []pair, s *Source) {
	step, epoch := find(values, steps), find(values, epochs)
	at := l.place(step, epoch)
	for _, v := range values {
		if slices.Contains(steps, plain(v.key)) {
			continue
		}
		s.add(v.key, at, v.value)
	}
}

// pair is a number with its key.
type pair struct {
	key   string
	value float64
}

// find returns the value of the first of some keys, or nil.
func find(values []pair, keys []string) *float64 {
	for _, key := range keys {
		for i := range values {
			if plain(values[i].key) == key {
				return &values[i].value
			}
		}
	}
	return nil
}

// parse returns the numbers of a JSON object, in order. Keys of inner objects are joined
// by "/". As Python writes them, NaN and Infinity are numbers too; they are left out.
func parse(line []byte) (values []pair, ok bool) {
	if len(line) == 0 || line[0] != '{' {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(withoutNaN(line)))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	values, err := object(d, "", 0)
	if err != nil {
		return nil, false
	}
	_, err = d.Token()
	return values, err == io.EOF
}

// object reads the rest of an object whose opening brace is read.
func object(d *json.Decoder, prefix string, level int) (values []pair, err error) {
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		key := prefix + t.(string) // keys are strings, or Token returns an error
		t, err = d.Token()
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case json.Number:
			if x, err := strconv.ParseFloat(t.String(), 64); err == nil {
				values = append(values, pair{key, x})
			}
		case json.Delim:
			if t == '[' || level >= depth {
				if err := rest(d); err != nil {
					return nil, err
				}
				continue
			}
			inner, err := object(d, key+"/", level+1)
			if err != nil {
				return nil, err
			}
			values = append(values, inner...)
		}
	}
	_, err = d.Token()
	return values, err
}

// rest skips the rest of a list or object whose opening is read.
func rest(d *json.Decoder) error {
	for open := 1; open > 0; {
		t, err := d.Token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('['), json.Delim('{'):
			open++
		case json.Delim(']'), json.Delim('}'):
			open--
		}
	}
	return nil
}

// notJSON are the numbers that Python's json writes although JSON lacks them.
var notJSON = [][]byte{[]byte("NaN"), []byte("Infinity"), []byte("-Infinity")}

// withoutNaN replaces NaN, Infinity and -Infinity outside of strings by null.
func withoutNaN(line []byte) []byte {
	if !bytes.Contains(line, notJSON[0]) && !bytes.Contains(line, notJSON[1]) {
		return line
	}
	var out bytes.Buffer
	quoted := false
	for i := 0; i < len(line); i++ {
		if !quoted {
			if n := slices.IndexFunc(notJSON, func(name []byte) bool { return bytes.HasPrefix(line[i:], name) }); n >= 0 {
				out.WriteString("null")
				i += len(notJSON[n]) - 1
				continue
			}
		}
		switch c := line[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\' && i+1 < len(line):
			out.WriteByte(c)
			i++
		}
		out.WriteByte(line[i])
	}
	return out.Bytes()
}
