package rundir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
)

// Notes is notes.json: what people say about a run. Nothing that computes reads it. It
// may be edited by hand.
type Notes struct {
	Text   string   `json:"text,omitempty"`
	Tags   []string `json:"tags,omitempty"`
	Hidden bool     `json:"hidden,omitempty"` // lists leave the run out unless asked for
}

// MaxNotes is the size of the largest notes.json, in bytes.
const MaxNotes = 1 << 16

// ReadNotes reads the notes of a folder that is not trusted. Without a file they are
// empty.
func ReadNotes(folder fs.StatFS) (n Notes, err error) {
	f, size, err := openRegular(folder, NotesFile)
	if errors.Is(err, fs.ErrNotExist) {
		return Notes{}, nil
	}
	if err != nil {
		return Notes{}, fmt.Errorf("%s: %w", NotesFile, err)
	}
	defer f.Close()
	if size > MaxNotes {
		return Notes{}, fmt.Errorf("%s: want at most %d bytes, got %d", NotesFile, MaxNotes, size)
	}
	b, err := io.ReadAll(io.LimitReader(f, MaxNotes))
	if err == nil {
		err = json.Unmarshal(b, &n)
	}
	if err != nil {
		return Notes{}, fmt.Errorf(`%s: want {"text": "…", "tags": ["…"], "hidden": false}: %w`, NotesFile, err)
	}
	return n.tidy(), nil
}

// tidy returns the notes without blank tags, repeated tags, and blanks around them.
func (n Notes) tidy() Notes {
	var tags []string
	for _, tag := range n.Tags {
		if tag = strings.TrimSpace(tag); tag != "" && !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	n.Text, n.Tags = strings.TrimSpace(n.Text), tags
	return n
}

// Encode returns the notes as the contents of notes.json, or an error if they are too
// long for it.
func (n Notes) Encode() ([]byte, error) {
	b, err := json.MarshalIndent(n.tidy(), "", " ")
	if err == nil && len(b) >= MaxNotes {
		err = fmt.Errorf("%s: want notes of at most %d bytes, got %d", NotesFile, MaxNotes-1, len(b))
	}
	return append(b, '\n'), err
}
