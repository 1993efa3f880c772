package train

import (
	"errors"
	"strings"
	"testing"

	"contralens/config"
)

// The error of a step does not recommend what the training has already.
func TestFailedHelp(t *testing.T) {
	for precision, want := range map[string]string{
		"bf16": "a lower --learning_rate, --warm or --precision fp32 may help",
		"tf32": "a lower --learning_rate, --warm or --precision fp32 may help",
		"fp32": "the loss: a lower --learning_rate or --warm may help",
	} {
		r := &Run{Config: config.Contrast{Machine: config.Machine{Precision: precision}}}
		if err := r.failed(Step{Epoch: 1}, 2, errors.New("the loss")); !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", precision, err, want)
		}
	}
}
