package codec

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"contralens/internal/humanize"
	"contralens/views"
)

// Decoder decodes the image files of a dataset. The zero value and nil decode as Decode
// does. Methods may be called from several goroutines at once; fields may be set until then.
type Decoder struct {
	// Strict refuses files that break the rules of their format. Otherwise such a file is
	// decoded if all of its pixels are there.
	Strict bool
	Gray16 Gray16 // how 16-bit gray becomes 8-bit
	// Note receives a sentence for the first file of each kind of damage. It may be nil.
	Note func(string)

	mu      sync.Mutex
	damaged map[string]int
}

// Decode decodes a file as the package's function does, with the decoder's rules. name,
// called only if something is wrong, names the file in notes and errors.
func (d *Decoder) Decode(file []byte, dst *views.Image, name func() string) error {
	gray := ClipGray16
	if d != nil {
		gray = d.Gray16
	}
	damage, err := decode(file, dst, gray)
	if err == nil && damage != "" {
		err = d.Damaged(damage, name)
	}
	if err != nil {
		return NotAnImage(name(), err)
	}
	return nil
}

// Damaged counts a file that could be decoded in spite of damage, and notes the first one
// of a kind. If the decoder is strict, it returns an error instead.
func (d *Decoder) Damaged(damage string, name func() string) error {
	if d == nil {
		return nil
	}
	if d.Strict {
		return fmt.Errorf("%s, and strict decoding is asked for", damage)
	}
	kind := withoutNumbers(damage)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.damaged == nil {
		d.damaged = map[string]int{}
	}
	if d.damaged[kind]++; d.damaged[kind] == 1 && d.Note != nil {
		d.Note(fmt.Sprintf("image %s: %s; its pixels are read all the same, "+
			"as are those of further files like it, which are not named", humanize.Text(name()), damage))
	}
	return nil
}

// withoutNumbers drops the words with digits, which differ from file to file.
func withoutNumbers(text string) string {
	words := slices.DeleteFunc(strings.Fields(text), func(w string) bool { return strings.ContainsAny(w, "0123456789") })
	return strings.Join(words, " ")
}

// Repaired returns how many times files with each kind of damage were decoded.
func (d *Decoder) Repaired() map[string]int {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.damaged)
}
