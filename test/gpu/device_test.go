package gpu

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A GPU that cannot be used is refused in a sentence, before anything is written.
func TestRefusals(t *testing.T) {
	onFake(t)
	program(t)
	data := classes(t)
	for name, c := range map[string]struct {
		environment, device, want string
	}{
		"none":        {"FAKE_GPUS=0", "cuda", "device cuda: the NVIDIA driver sees no GPU"},
		"hidden":      {"CUDA_VISIBLE_DEVICES=", "cuda:0", `CUDA_VISIBLE_DEVICES is "" and hides every GPU; unset it`},
		"no driver":   {"FAKE_ERROR=35 FAKE_DRIVER=0", "cuda", "device cuda: there is no NVIDIA driver"},
		"old driver":  {"FAKE_ERROR=35 FAKE_DRIVER=11040", "cuda", "driver supports CUDA 11.4 and this libtorch needs"},
		"other error": {"FAKE_ERROR=804", "cuda", "forward compatibility was attempted on non supported HW (error 804)"},
		"one":         {"FAKE_GPUS=1", "cuda:1", "device cuda:1: there is one GPU, cuda:0"},
		"eight":       {"FAKE_GPUS=8", "cuda:8", "device cuda:8: there are 8 GPUs, cuda:0 to cuda:7"},
		"full":        {"FAKE_MEM=100", "cuda:0", "want 0.27 GB of free memory, got 0.10 of 0.10 GB; nvidia-smi lists the programs"},
		"expandable": {"PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True", "cuda:0",
			"wants NVIDIA's library libnvidia-ml.so.1, and there is none; unset the variable"},
		"old GPU": {"FAKE_CAPABILITY=3.5", "cuda:0", "has compute capability 3.5 and this libtorch was built for"},
		"no tf32": {"FAKE_CAPABILITY=7.5", "cuda:0 --precision tf32",
			"want fp32 or fp16 on this GPU, as tf32 needs compute capability 8.0 and it has 7.5, got \"tf32\""},
		"hidden, other": {"FAKE_GPUS=4 CUDA_VISIBLE_DEVICES=2,3", "cuda:2",
			"device cuda:2: there are 2 GPUs, cuda:0 to cuda:1"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "expandable" && older(2, 9) {
				t.Skip("expandable segments of this libtorch need no NVML")
			}
			runs, device := t.TempDir(), strings.Fields(c.device)
			code, out := run(t, strings.Fields(c.environment), contrast(data, runs, device[0], device[1:]...)...)
			if code == 0 || !strings.Contains(out, c.want) {
				t.Errorf("exit code %d, want a failure that says %q:\n%s", code, c.want, out)
			}
			if strings.Contains(out, "Warning") {
				t.Errorf("libtorch speaks as well:\n%s", out)
			}
			if _, err := os.Stat(filepath.Join(runs, "runs")); err == nil {
				t.Error("a run directory was made")
			}
		})
	}
}

// The doctor finds a problem where a driver is there and no GPU can be used, unless they are hidden.
func TestDoctor(t *testing.T) {
	onFake(t)
	for name, c := range map[string]struct {
		environment, want string
		code              int
	}{
		"usable":     {"FAKE_GPUS=2", "cpu, 2 GPUs", 0},
		"old driver": {"FAKE_ERROR=35 FAKE_DRIVER=11040", "! the NVIDIA driver supports CUDA 11.4 and this libtorch needs", 1},
		"third":      {"FAKE_GPUS=4 CUDA_VISIBLE_DEVICES=2", "PCI 0000:03:00.0", 0},
		"hidden":     {"CUDA_VISIBLE_DEVICES=", "no GPU: CUDA_VISIBLE_DEVICES is \"\" and hides every GPU", 0},
		"expandable": {"PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True", "! device cuda:0: PYTORCH_CUDA_ALLOC_CONF=", 1},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "expandable" && older(2, 9) {
				t.Skip("expandable segments of this libtorch need no NVML")
			}
			code, out := run(t, strings.Fields(c.environment), "doctor")
			if code != c.code || !strings.Contains(out, c.want) {
				t.Errorf("exit code %d, want %d and %q:\n%s", code, c.code, c.want, out)
			}
		})
	}
}

// Any of several GPUs trains, and auto is the first one, or the CPU if none can be used.
func TestChosen(t *testing.T) {
	onFake(t)
	program(t)
	data := classes(t)
	for name, c := range map[string]struct{ environment, device, want string }{
		"last of eight": {"FAKE_GPUS=8", "cuda:7", "cuda:7"},
		"auto":          {"FAKE_GPUS=2", "auto", "cuda:0"},
		"auto, none":    {"FAKE_GPUS=0", "auto", "computing on the CPU: the NVIDIA driver sees no GPU"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out := run(t, strings.Fields(c.environment), contrast(data, t.TempDir(), c.device, "--epochs", "1")...)
			if code != 0 || !strings.Contains(out, c.want) {
				t.Errorf("exit code %d, want success and %q:\n%s", code, c.want, out)
			}
		})
	}
}
