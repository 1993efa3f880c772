package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxRunName is the length of the longest name of a run directory, in bytes. File systems
// allow 255 bytes, or 143 if they encrypt names, and evaluations append to the name.
const MaxRunName = 120

// RunName has the names of a run.
type RunName struct {
	// Name is the name of the run directory and of the folder for TensorBoard events:
	// --name, or a name made from the options. A made name has at most MaxRunName bytes and
	// no characters that a shell interprets; if the options do not fit, it ends in a hash
	// of Upstream.
	Name string
	// Upstream is the name by the rules of the reference implementation. Options that those
	// rules leave out follow as _key-value if they differ from their defaults. It can be of
	// any length. Older versions used it for run directories.
	Upstream string
}

// nameParts has the parts of a run's names.
type nameParts struct {
	upstream string // RunName.Upstream
	// If the whole name is too long, head and settings come before the hash; head keeps at
	// least half of the room.
	head, settings string
	whole          string // the name if there is room for it: it says all that upstream does
}

// runName returns the names of a run. seedless has the parts for the same options with the
// default seed.
func (o *Output) runName(seed uint64, parts, seedless nameParts) RunName {
	name := parts.whole
	switch {
	case o.Name != "":
		name = o.Name
	case !fits(name):
		end := ""
		if parts != seedless {
			end = fmt.Sprintf("_seed-%d", seed)
		}
		name = seedless.shorten(end)
	}
	return RunName{Name: name, Upstream: parts.upstream}
}

// fits reports whether the name is short enough and safe as it is.
func fits(name string) bool { return len(name) <= MaxRunName && shellSafe(name) == name }

// shorten returns a name that ends in a hash of the upstream name, followed by the seed, if
// any. The hash does not depend on the seed, so that runs that differ only in the seed have
// similar names.
func (p nameParts) shorten(seed string) string {
	hash := sha256.Sum256([]byte(p.upstream))
	end := "_" + hex.EncodeToString(hash[:4]) + seed
	room := MaxRunName - len(end)
	head, settings := shellSafe(p.head), shellSafe("x" + p.settings)[1:]
	head = cut(head, max(room-len(settings), room/2))
	return head + cut(settings, room-len(head)) + end
}

// shellSafe replaces everything but letters, digits and ._+=,@- by -, so that a shell reads
// the name as one word, and removes leading dashes and dots.
func shellSafe(name string) string {
	name = strings.Map(func(r rune) rune {
		if r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._+=,@-", r)) {
			return r
		}
		return '-'
	}, name)
	if name = strings.TrimLeft(name, "-."); name == "" {
		return "run"
	}
	return name
}

// cut returns the start of the text that fits into the given number of bytes, in whole
// letters.
func cut(text string, bytes int) string {
	if len(text) <= bytes {
		return text
	}
	for !utf8.RuneStart(text[bytes]) {
		bytes--
	}
	return strings.TrimRight(text[:bytes], "-_.,")
}
