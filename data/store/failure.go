package store

import (
	"errors"
	"fmt"
)

// Failure is the error of a store that does not answer, or of a file in it that is not the
// one that was opened. No image is at fault, so it does not count as an unreadable one, and
// what reads the store stops.
type Failure struct {
	Name string // of the file or folder
	Err  error  // what came, and what to do
}

func (f *Failure) Error() string { return fmt.Sprintf("%s: %v", f.Name, f.Err) }

func (f *Failure) Unwrap() error { return f.Err }

// Failed returns the Failure in an error, or nil.
func Failed(err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	return nil
}
