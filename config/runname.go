package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxRunName is the longest name in bytes that a run directory is given: file systems
// have limits of 255, of 143 where names are encrypted, and evaluations add to a name.
const MaxRunName = 120

// RunName is what a run is called.
type RunName struct {
	// Name is the name of the run directory and of the folder for TensorBoard's events:
	// --name, or a name made from the options, of at most MaxRunName bytes without
	// characters that mean something to a shell. Options for which there is no room
	// are in a hash.
	Name string
	// Upstream is the name by the reference implementation's rules, with the options that
	// it leaves out and that differ from their defaults as _key-value. It has no limit.
	// Run directories were called so once.
	Upstream string
}

// nameParts is what the names of a run are made from.
type nameParts struct {
	upstream string // RunName.Upstream
	// Where there is no room for the whole name, head and settings come before the hash;
	// head keeps at least half of the room.
	head, settings string
	whole          string // the name where there is room; it says all that upstream does
}

// runName returns the names of a run. seedless is made from the same options with the
// default's seed.
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

// fits reports whether a directory may have the name as it is.
func fits(name string) bool { return len(name) <= MaxRunName && shellSafe(name) == name }

// shorten makes a name that ends in a hash of what it leaves out and in the seed, if any.
// The seed is no part of the hash, so that runs that differ in it alone are called alike.
func (p nameParts) shorten(seed string) string {
	hash := sha256.Sum256([]byte(p.upstream))
	end := "_" + hex.EncodeToString(hash[:4]) + seed
	room := MaxRunName - len(end)
	head, settings := shellSafe(p.head), shellSafe("x" + p.settings)[1:]
	head = cut(head, max(room-len(settings), room/2))
	return head + cut(settings, room-len(head)) + end
}

// shellSafe replaces what a shell would not take as part of a word: all but letters,
// digits and ._+=,@- become -, and a name does not begin with - or a dot.
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

// cut is what fits into so many bytes, without half of a letter.
func cut(text string, bytes int) string {
	if len(text) <= bytes {
		return text
	}
	for !utf8.RuneStart(text[bytes]) {
		bytes--
	}
	return strings.TrimRight(text[:bytes], "-_.,")
}
