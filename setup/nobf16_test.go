package setup

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"contralens/config"
	"contralens/torch"
)

// A processor on which libtorch does not compute in bfloat16 gives a sentence. Other
// precisions and errors stay as they are.
func TestNoBF16(t *testing.T) {
	refused := &torch.Error{Op: "aten::conv2d", Message: "could not create a primitive descriptor iterator"}
	for _, c := range []struct {
		err             error
		precision, want string
		isa             string
	}{
		{refused, "bf16", "this one lacks the instructions; compute in fp32: --precision fp32", ""},
		{fmt.Errorf("step 1: %w", refused), "bf16", "DNNL_MAX_CPU_ISA=AVX2 in the environment hides them", "AVX2"},
		{refused, "fp32", refused.Error(), ""},
		{errors.New("could not create a primitive"), "bf16", "could not create a primitive", ""},
		{&torch.Error{Message: "other"}, "bf16", "other", ""},
	} {
		t.Setenv("DNNL_MAX_CPU_ISA", c.isa)
		t.Setenv("ONEDNN_MAX_CPU_ISA", "")
		got := Explain(c.err, Load{Machine: config.Machine{Device: "cpu", Precision: c.precision}})
		if !errors.Is(got, c.err) || !strings.Contains(got.Error(), c.want) {
			t.Errorf("%v in %s: %v, want %q", c.err, c.precision, got, c.want)
		}
		if again := Explain(got, Load{Machine: config.Machine{Device: "cpu", Precision: c.precision}}); again != got {
			t.Errorf("explained twice: %v", again)
		}
	}
}
