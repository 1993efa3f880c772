// Package option has the error of an option's value. Whoever finds the mistake names the
// option; how an option is typed is known to the command line alone.
package option

import "fmt"

// Error says that the value of an option is none of those it can have.
type Error struct {
	Name string // of the option, as in a configuration: "feat_dim"
	Want string // the values it can have: "at least 1"
	Got  string // the value, quoted where it is text; may be empty
}

// Error is a sentence such as "feat_dim: want at least 1, got 0".
func (e *Error) Error() string {
	if e.Got == "" {
		return fmt.Sprintf("%s: want %s", e.Name, e.Want)
	}
	return fmt.Sprintf("%s: want %s, got %s", e.Name, e.Want, e.Got)
}

// Text is the error of an option whose value is the text got.
func Text(name, want, got string) *Error {
	return &Error{Name: name, Want: want, Got: fmt.Sprintf("%q", got)}
}
