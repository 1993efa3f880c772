package gpu

import (
	"strings"
	"testing"
)

// A training in fp32 that records its scores prints no warning of libtorch: it uses
// deterministic algorithms, and counts are exact in any order.
func TestNoWarnings(t *testing.T) {
	out := onGPU(t, contrast(classes(t), t.TempDir(), "cuda:0")...)
	if strings.Contains(out, "deterministic") {
		t.Errorf("want no warning of algorithms, got\n%s", out)
	}
}
