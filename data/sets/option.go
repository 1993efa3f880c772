package sets

import "fmt"

// Option names one of the Options in an error.
type Option string

// The options that an OptionError can be about.
const (
	Name      Option = "dataset"
	Folder    Option = "folder"
	ClassList Option = "list of classes" // Imagenet100Path
	Imbalance Option = "imbalance"
)

// OptionError is the error of an option whose dataset cannot be opened.
type OptionError struct {
	Option Option
	Value  string // value of the option, if the message needs it
	Err    error
}

// Error is "option value: what was expected and what was found".
func (e *OptionError) Error() string { return e.Named(string(e.Option)) }

// Named returns the message with another name for the option, such as that of a flag.
func (e *OptionError) Named(option string) string {
	if e.Value != "" {
		option += " " + e.Value
	}
	return option + ": " + e.Err.Error()
}

func (e *OptionError) Unwrap() error { return e.Err }

func wrongOption(o Option, value, format string, args ...any) error {
	return &OptionError{Option: o, Value: value, Err: fmt.Errorf(format, args...)}
}
