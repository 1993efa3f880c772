package gpu

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A GPU that does not hold a training gives a sentence with what needs less.
func TestOutOfMemory(t *testing.T) {
	onFake(t)
	program(t)
	runs := t.TempDir()
	args := contrast(classes(t), runs, "cuda:0", "--width", "4", "--precision", "bf16")
	code, out := run(t, []string{"FAKE_MEM=300"}, args...)
	for _, want := range []string{"--device cuda:0: its 0.3 GB do not hold batch 8 of resnet18 in bf16 (0.",
		" GB in use by tensors); --accum 2, --checkpoint_activations or a smaller --batch_size need less"} {
		if code != 1 || !strings.Contains(out, want) {
			t.Errorf("exit code %d; want %q in\n%s", code, want, out)
		}
	}
}

// auto is the GPU if one can be used. The first line and run.json say which, and the
// precision follows from its capability. Otherwise it is the CPU, and the first line says
// why.
func TestAutomaticDevice(t *testing.T) {
	onFake(t)
	program(t)
	data := classes(t)
	for _, c := range []struct {
		name        string
		environment []string
		first       string // line
		device      string // in run.json
		precision   string
	}{
		{"Hopper", nil, "computing on cuda:0: ", "cuda:0, ", "bf16"},
		{"Turing", []string{"FAKE_CAPABILITY=7.5"}, "computing on cuda:0: ", "cuda:0, ", "fp16"},
		{"hidden", []string{"CUDA_VISIBLE_DEVICES="},
			`computing on the CPU: CUDA_VISIBLE_DEVICES is "" and hides every GPU`, "cpu", ""},
		{"full", []string{"FAKE_MEM=100"},
			"computing on the CPU: device cuda:0: want 0.27 GB of free memory, got 0.10 of 0.10 GB", "cpu", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			runs := t.TempDir()
			args := contrast(data, runs, "auto", "--epochs", "1")
			if c.precision != "" {
				args = append(args, "--precision", "auto")
			}
			code, out := run(t, c.environment, args...)
			if code != 0 || !strings.HasPrefix(out, c.first) {
				t.Errorf("exit code %d, want 0 and %q first in\n%s", code, c.first, out)
			}
			var record struct {
				Config map[string]string
				Device string
			}
			b, err := os.ReadFile(filepath.Join(runs, "runs/run/run.json"))
			if err == nil {
				err = json.Unmarshal(b, &record)
			}
			if err != nil || !strings.HasPrefix(record.Device, c.device) {
				t.Errorf("run.json has device %q, %v; want %q", record.Device, err, c.device)
			}
			if got := record.Config["precision"]; c.precision != "" && got != c.precision {
				t.Errorf("precision %s, want %s", got, c.precision)
			}
		})
	}
}
