package torch

import (
	"fmt"
	"strings"
	"testing"

	"contralens/torch/internal/nvrtc"
	"contralens/torch/internal/shim"
)

// The kernels compile for the GPUs that people have: A100, H100 and B200.
func TestKernelsCompile(t *testing.T) {
	if path, err := nvrtc.Open(); err != nil {
		t.Skip(err)
	} else {
		t.Log(path)
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for _, capability := range []int{80, 90, 100} {
		for _, c := range []struct {
			dtype  Dtype
			vector int
		}{{Float32, 1}, {Float32, 4}, {BFloat16, 1}, {BFloat16, 8}, {Float16, 8}} {
			t.Run(fmt.Sprint(capability, c), func(t *testing.T) {
				options := normDefines(elements[c.dtype], c.vector)
				if _, err := nvrtc.Compile(shim.NormText(), capability, options...); err != nil {
					t.Error(err)
				}
			})
		}
	}
	if len(shim.NormKernels) != normKernels {
		t.Errorf("%d names, want %d", len(shim.NormKernels), normKernels)
	}
}

// Where kernels cannot be had, a sentence says why, and the first failure is final.
func TestKernelsMissing(t *testing.T) {
	t.Cleanup(func() { missing.reason = "" })
	ask := func() string {
		t.Helper()
		if _, ok := kernelsOf(CUDA(0), shim.NormText(), shim.NormKernels[:]); ok {
			t.Error("there are kernels")
		}
		return KernelsMissing()
	}
	t.Setenv(KernelsVariable, "off")
	if got := ask(); got != "CONTRALENS_KERNELS is off" {
		t.Errorf("got %q", got)
	}
	if CUDADevices() > 0 {
		return
	}
	t.Setenv(KernelsVariable, "")
	if got := ask(); got != "CONTRALENS_KERNELS is off" {
		t.Errorf("asked again: got %q", got)
	}
	missing.reason = ""
	if got := ask(); got == "" || strings.Contains(got, "\n") {
		t.Errorf("without a GPU: want a line, got %q", got)
	}
}
