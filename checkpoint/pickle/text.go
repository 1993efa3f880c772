package pickle

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// text pushes strings and byte strings. A string of Python 2 becomes a string with one
// character per byte.
func (m *machine) text(op byte) error {
	var b []byte
	var err error
	switch op {
	case 'S', 'V':
		s, err := m.line()
		if err != nil {
			return err
		}
		if op == 'S' {
			if len(s) < 2 || s[0] != s[len(s)-1] || (s[0] != '\'' && s[0] != '"') {
				return fmt.Errorf("a string without its quotes")
			}
			s = s[1 : len(s)-1]
		}
		s, err = unescape(s, op == 'V')
		m.push(s)
		return err
	case 'U', 'C', 0x8c:
		b, err = m.sized(1)
	case 'T', 'X', 'B':
		b, err = m.sized(4)
	case 0x8d, 0x8e, 0x96:
		b, err = m.sized(8)
	}
	if err != nil {
		return err
	}
	switch op {
	case 'B', 'C', 0x8e, 0x96:
		m.push(b)
	case 'X', 0x8c, 0x8d:
		m.push(string(b))
	case 'T', 'U':
		m.push(latin1(b))
	}
	return nil
}

// unescape replaces the escapes of a line of text: those of Python's repr for a byte
// string, or \uXXXX and \UXXXXXXXX alone if the line is Unicode.
func unescape(s string, unicode bool) (string, error) {
	if strings.IndexByte(s, '\\') < 0 && utf8.ValidString(s) {
		return s, nil
	}
	var out []byte
	for len(s) > 0 {
		if s[0] != '\\' || (unicode && (len(s) < 2 || (s[1] != 'u' && s[1] != 'U'))) {
			out = utf8.AppendRune(out, rune(s[0])) // Latin-1
			s = s[1:]
			continue
		}
		r, _, rest, err := strconv.UnquoteChar(s, 0)
		if len(s) > 1 && (s[1] == '\'' || s[1] == '"') {
			r, rest, err = rune(s[1]), s[2:], nil
		}
		if err != nil && len(s) >= 6 && s[1] == 'u' { // half of a surrogate pair
			_, err = strconv.ParseUint(s[2:6], 16, 16)
			r, rest = utf8.RuneError, s[6:]
		}
		if err != nil {
			return "", fmt.Errorf("an unknown escape in a string: %.20q", s)
		}
		out, s = utf8.AppendRune(out, r), rest
	}
	return string(out), nil
}

func latin1(b []byte) string {
	s := make([]byte, 0, len(b))
	for _, c := range b {
		s = utf8.AppendRune(s, rune(c))
	}
	return string(s)
}
