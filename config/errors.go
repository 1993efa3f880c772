package config

import "fmt"

// ValueError reports an option whose value cannot work: wrong usage.
type ValueError struct {
	Option string // its name on the command line, without dashes
	Value  any    // its value, if the value alone is fine but needs something else; or nil
	Want   string // what was expected
	Got    any    // what came; nil if it is not worth naming
	Hint   string // why, or what to do; may be empty
}

// Error is one sentence: --option: want this, got that; hint.
func (e *ValueError) Error() string {
	s := "--" + e.Option
	if e.Value != nil {
		s += fmt.Sprintf(" %v", e.Value)
	}
	s += ": want " + e.Want
	if text, ok := e.Got.(string); ok {
		s += fmt.Sprintf(", got %q", text)
	} else if e.Got != nil {
		s += fmt.Sprintf(", got %v", e.Got)
	}
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}
