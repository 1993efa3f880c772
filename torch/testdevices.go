package torch

// subtests is what TestDevices needs of *testing.T and *testing.B, without linking
// package testing into every program.
type subtests[T any] interface {
	Helper()
	Run(name string, test func(T)) bool
	Skipf(format string, args ...any)
}

// TestDevices runs a test as the subtests cpu and cuda:0. The second is skipped by name
// where there is no GPU, or only a pretended one that does not compute.
func TestDevices[T subtests[T]](t T, test func(t T, d Device)) {
	t.Helper()
	t.Run(CPU.String(), func(t T) { test(t, CPU) })
	gpu := CUDA(0)
	t.Run(gpu.String(), func(t T) {
		t.Helper()
		if reason := unusable(gpu); reason != "" {
			t.Skipf("%v: %s", gpu, reason)
		}
		test(t, gpu)
	})
}

// unusable returns why a GPU does not compute, or "".
func unusable(gpu Device) (reason string) {
	if CUDADevices() == 0 {
		return "no GPU"
	}
	err := Run(func() error {
		Scoped(func() {
			if Ones([]int{1}, Options{Device: gpu}).AddScalar(1).Item() != 2 {
				reason = "the GPU does not compute"
			}
		})
		return nil
	})
	if err != nil {
		return err.Error()
	}
	return reason
}
