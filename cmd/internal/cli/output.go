package cli

import (
	"fmt"
	"os"
	"sync"
)

// Out is the standard output for results. It remembers the first error, which OutputError
// returns, so that a command whose results did not arrive does not end as a success.
var Out = &output{}

type output struct {
	mu  sync.Mutex
	err error
}

// Write writes to os.Stdout.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := os.Stdout.Write(b)
	if err != nil && o.err == nil {
		o.err = err
	}
	return n, err
}

// OutputError returns the first error of Out since the last call.
func OutputError() error {
	Out.mu.Lock()
	defer Out.mu.Unlock()
	err := Out.err
	Out.err = nil
	if err == nil {
		return nil
	}
	return fmt.Errorf("the result could not be written to standard output: %w", err)
}
