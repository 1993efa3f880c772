package humanize

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text makes a name or a sentence safe to show: control characters, marks that turn the
// direction of writing, other invisible marks and bytes that are no UTF-8 become escapes,
// such as \n, \x1b and \u202e. A name with such characters could otherwise hide its end, or
// recolor a terminal.
func Text(s string) string { return escape(s, hidden) }

// Lines is Text for a message of several lines.
func Lines(s string) string {
	return escape(s, func(r rune) bool { return r != '\n' && r != '\t' && hidden(r) })
}

// Texts is Text for each of a list. It returns the list itself if nothing changes.
func Texts(all []string) []string {
	for i := range all {
		if strings.IndexFunc(all[i], hidden) < 0 && utf8.ValidString(all[i]) {
			continue
		}
		safe := append([]string(nil), all...)
		for j := i; j < len(safe); j++ {
			safe[j] = Text(safe[j])
		}
		return safe
	}
	return all
}

func escape(s string, is func(rune) bool) string {
	if strings.IndexFunc(s, is) < 0 && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case is(r):
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

// hidden reports whether a character is a control character or an invisible mark. Joiners
// within words and emoji are not: names need them.
func hidden(r rune) bool {
	switch {
	case unicode.IsControl(r):
		return true
	case r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069: // directions
		return true
	case r == 0x200B, r == 0x200E, r == 0x200F, r == 0x2028, r == 0x2029, r == 0xFEFF:
		return true
	}
	return false
}
