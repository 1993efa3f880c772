// Package option has the error for a wrong value of an option. Any package can return it
// with the option's name; only the command line knows how the option is typed.
package option

import "fmt"

// Error is the error for a wrong value of an option.
type Error struct {
	Name string // of the option, as in a configuration: "feat_dim"
	Want string // the allowed values: "at least 1"
	Got  string // the value, quoted if it is text; may be empty
}

// Error returns a sentence such as "feat_dim: want at least 1, got 0".
func (e *Error) Error() string {
	if e.Got == "" {
		return fmt.Sprintf("%s: want %s", e.Name, e.Want)
	}
	return fmt.Sprintf("%s: want %s, got %s", e.Name, e.Want, e.Got)
}

// Text returns the error for a wrong text got. It quotes the text.
func Text(name, want, got string) *Error {
	return &Error{Name: name, Want: want, Got: fmt.Sprintf("%q", got)}
}
