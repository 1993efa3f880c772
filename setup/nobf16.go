package setup

import (
	"fmt"
	"os"
)

// NoBF16 is the error of a processor on which libtorch does not compute in bfloat16.
type NoBF16 struct{ Err error } // of libtorch

func (e *NoBF16) Unwrap() error { return e.Err }

// Error says why, as far as that is known, and what to do.
func (e *NoBF16) Error() string {
	for _, name := range []string{"DNNL_MAX_CPU_ISA", "ONEDNN_MAX_CPU_ISA"} {
		if isa := os.Getenv(name); isa != "" {
			return fmt.Sprintf("bfloat16: want instructions for it, but %s=%s in the environment hides them from libtorch; "+
				"unset it, or compute in fp32: --precision fp32, or no --amp", name, isa)
		}
	}
	return "bfloat16: want a processor on which libtorch computes in it, and this one lacks the instructions; " +
		"compute in fp32: --precision fp32, or no --amp"
}
