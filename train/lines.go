package train

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"contralens/internal/durable"
)

// Lines is a file of JSON objects, one a line.
type Lines struct{ Path string }

// Add appends one object.
func (l Lines) Add(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(l.Path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return durable.Explain(err)
	}
	if _, err := f.Write(append(b, '\n')); err != nil {
		f.Close()
		return durable.Explain(err)
	}
	return f.Close()
}

// Read is what the file holds; lines that a killed process left unfinished are
// left out, and a file that is not there holds nothing.
func (l Lines) Read() (objects []map[string]any, err error) {
	err = l.each(func(_ []byte, v map[string]any) { objects = append(objects, v) })
	return objects, err
}

// Keep removes the lines that keep is against, and unfinished ones.
func (l Lines) Keep(keep func(map[string]any) bool) error {
	var kept []byte
	err := l.each(func(line []byte, v map[string]any) {
		if keep(v) {
			kept = append(append(kept, line...), '\n')
		}
	})
	if err != nil {
		return err
	}
	if info, err := os.Stat(l.Path); err != nil || info.Size() == int64(len(kept)) {
		return nil // not there, or all is kept
	}
	return durable.Write(l.Path, func(w io.Writer) error { _, err := w.Write(kept); return err })
}

func (l Lines) each(f func(line []byte, v map[string]any)) error {
	b, err := os.ReadFile(l.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", l.Path, err)
	}
	for _, line := range bytes.Split(b, []byte("\n")) {
		var v map[string]any
		if json.Unmarshal(line, &v) == nil && v != nil {
			f(line, v)
		}
	}
	return nil
}

// above says whether a value of a line is a number above n.
func above(v any, n int) bool {
	x, ok := v.(float64)
	return ok && x > float64(n)
}
