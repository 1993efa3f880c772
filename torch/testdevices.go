package torch

// subtests is what TestDevices needs of *testing.T and *testing.B, without linking
// package testing into every program.
type subtests[T any] interface {
	Helper()
	Run(name string, test func(T)) bool
	Skipf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// TestDevices runs a test as the subtests cpu and cuda:0. The second is skipped by name
// where there is no GPU, or only a pretended one that does not compute. It fails where a
// GPU that should compute reports an error.
func TestDevices[T subtests[T]](t T, test func(t T, d Device)) {
	t.Helper()
	t.Run(CPU.String(), func(t T) { test(t, CPU) })
	gpu := CUDA(0)
	t.Run(gpu.String(), func(t T) {
		t.Helper()
		reason, err := unusable(gpu)
		if err != nil {
			t.Fatalf("%v: %v", gpu, err)
		}
		if reason != "" {
			t.Skipf("%v: %s", gpu, reason)
		}
		test(t, gpu)
	})
}

// unusable returns why there is no GPU that computes, or "". The error is that of a GPU
// which should.
func unusable(gpu Device) (reason string, err error) {
	state := CUDAInfo()
	if state.Count == 0 {
		return "no GPU", nil
	}
	if why := state.Problem(); why != "" {
		return why, nil
	}
	err = Run(func() error {
		Scoped(func() {
			if Ones([]int{1}, Options{Device: gpu}).AddScalar(1).Item() != 2 {
				reason = "the GPU does not compute"
			}
		})
		return nil
	})
	return reason, err
}
