// Package jsonl appends to, reads and filters files of JSON objects, one per line. It
// tolerates unfinished lines, which killed processes leave behind.
package jsonl

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

// File is the path of a file with one JSON object per line.
type File string

// Add appends one object in a single write, so that two processes don't mix their lines.
func (f File) Add(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w, err := os.OpenFile(string(f), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return durable.Explain(err)
	}
	if _, err := w.Write(append(b, '\n')); err != nil {
		w.Close()
		return durable.Explain(err)
	}
	return w.Close()
}

// Read returns the objects of the file, without lines that a killed process left
// unfinished. A missing file has none.
func (f File) Read() (objects []map[string]any, err error) {
	err = f.each(func(_ []byte, v map[string]any) { objects = append(objects, v) })
	return objects, err
}

// Keep removes the lines for which keep returns false, and unfinished ones.
func (f File) Keep(keep func(map[string]any) bool) error {
	var kept []byte
	err := f.each(func(line []byte, v map[string]any) {
		if keep(v) {
			kept = append(append(kept, line...), '\n')
		}
	})
	if err != nil {
		return err
	}
	if info, err := os.Stat(string(f)); err != nil || info.Size() == int64(len(kept)) {
		return nil // no such file, or nothing to remove
	}
	return durable.Write(string(f), func(w io.Writer) error { _, err := w.Write(kept); return err })
}

// Damaged says that a file has lines, and none that is what it should be.
type Damaged struct {
	Path  string
	Lines int
}

func (e *Damaged) Error() string {
	return fmt.Sprintf("%s: want a JSON object per line, got %d lines that are none: the file is cut off or damaged",
		e.Path, e.Lines)
}

// Lines returns the objects of a file in a folder, which may not be trusted: one of more than most bytes is
// refused. Lines that are no T, or for which valid is false, are skipped (see Skipped); if all of them are, the
// error is a *Damaged. A missing file has none, and no error.
func Lines[T any](folder fs.StatFS, name string, most int64, valid func(*T) bool) (objects []T, err error) {
	objects, bad, err := scan(folder, name, most, valid)
	if err == nil && len(objects) == 0 && len(bad) > 0 {
		err = &Damaged{name, len(bad)}
	}
	return objects, err
}

// Skipped says which lines of a file Lines skips; nil if there are none, or if the file cannot be read.
func Skipped[T any](folder fs.StatFS, name string, most int64, valid func(*T) bool) error {
	objects, bad, err := scan(folder, name, most, valid)
	switch {
	case err != nil || len(bad) == 0:
		return nil
	case len(bad) == 1:
		return fmt.Errorf("%s: line %d of %d is cut off or damaged, and is not used", name, bad[0], len(objects)+1)
	}
	return fmt.Errorf("%s: %d of %d lines are cut off or damaged, and are not used; the first is line %d", name,
		len(bad), len(objects)+len(bad), bad[0])
}

// scan returns the objects of a file, and the numbers of the lines that are none.
func scan[T any](folder fs.StatFS, name string, most int64, valid func(*T) bool) (objects []T, bad []int, err error) {
	info, err := folder.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > most {
		return nil, nil, fmt.Errorf("%s: want a file of at most %d bytes, got %d", name, most, info.Size())
	}
	b, err := fs.ReadFile(folder, name)
	if err != nil {
		return nil, nil, err
	}
	n := 0
	for line := range bytes.Lines(b) {
		n++
		var v T
		if json.Unmarshal(line, &v) == nil && valid(&v) {
			objects = append(objects, v)
		} else if len(bytes.TrimSpace(line)) > 0 {
			bad = append(bad, n)
		}
	}
	return objects, bad, nil
}

func (f File) each(do func(line []byte, v map[string]any)) error {
	b, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", string(f), err)
	}
	for _, line := range bytes.Split(b, []byte("\n")) {
		var v map[string]any
		if json.Unmarshal(line, &v) == nil && v != nil {
			do(line, v)
		}
	}
	return nil
}
