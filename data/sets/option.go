package sets

import "fmt"

// Option is one of the Options that can be wrong, in words.
type Option string

// The options that an OptionError is about.
const (
	Name      Option = "dataset"
	Folder    Option = "folder"
	ClassList Option = "list of classes" // Imagenet100Path
	Imbalance Option = "imbalance"
)

// OptionError is the error of an option: the dataset that it asks for cannot be opened.
type OptionError struct {
	Option Option
	Value  string // that the option has, where the message needs it
	Err    error
}

// Error is "option value: what was expected and what came".
func (e *OptionError) Error() string { return e.Named(string(e.Option)) }

// Named is the message with another name for the option, as a command line has it.
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
