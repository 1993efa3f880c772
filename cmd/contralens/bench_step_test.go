package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"contralens/profile"
)

// TestBenchStep measures small steps, on generated images and on photos. The numbers are
// consistent, and no files are left behind.
func TestBenchStep(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	small := "bench step --arch resnet18 --width 0.0625 --input_res 32 --batch_size 4 -k 64 --steps 2 --warmup 1 --threads 1 --json "
	for _, line := range []string{
		"--precision bf16 --stem cifar",
		// Epochs of a step each, more of them than are asked for.
		"--method SimCLR --ft none --data_folder " + filepath.Dir(photo) + " --limit 3 --batch_size 2 --precision fp32 --epochs 1",
		"--network_only --stem cifar --precision fp32",
	} {
		text := must(t, strings.Fields(small+line)...)
		var r profile.Result
		if err := json.Unmarshal([]byte(text[strings.Index(text, "{"):]), &r); err != nil {
			t.Fatalf("%s: %v in\n%s", line, err, text)
		}
		sum := -r.Seconds["total"]
		for _, s := range r.Seconds {
			sum += s
		}
		if d := math.Abs(sum - r.Seconds["total"]); d > 0.5*r.Seconds["total"] || r.Seconds["backward"] <= 0 || r.Seconds["query"] <= 0 {
			t.Errorf("%s: phases do not add up to the total: %v", line, r.Seconds)
		}
		for _, phase := range []string{"views", "key", "contrast", "update", "enqueue", "record"} {
			if s, there := r.Seconds[phase]; !there || r.Method == "MoCov2" && !r.NetworkOnly && s <= 0 {
				t.Errorf("%s: %s took %v s in %v", line, phase, s, r.Seconds)
			}
		}
		// What other programs read by name.
		for _, key := range strings.Fields("method arch batch K precision images_per_second seconds gflops gemm_peak_gflops peak_rss_mb") {
			if !strings.Contains(text, `"`+key+`":`) {
				t.Errorf("%s: no %s in %s", line, key, text)
			}
		}
		if got, want := r.ImagesPerSecond*r.Seconds["total"], float64(r.Batch); math.Abs(got-want) > 1e-6*want {
			t.Errorf("%s: %v images per step, want %v", line, got, want)
		}
		if strings.Contains(text, "epoch") || strings.Contains(text, "step 1 of") {
			t.Errorf("%s: the progress of a training in\n%s", line, text)
		}
		if r.Steps != 2 || r.Arch != "resnet18" || r.PeakMB < 10 || r.Peak <= 0 || r.GFLOPS <= 0 || r.GFLOPS > r.Peak {
			t.Errorf("%s: %s", line, text)
		}
		if want := map[bool]string{true: "bf16", false: "fp32"}[strings.Contains(line, "bf16")]; r.Precision != want || r.NetworkOnly != strings.Contains(line, "network") {
			t.Errorf("%s: %s, want %s", line, text, want)
		}
	}
	if left, _ := os.ReadDir(temp); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	for line, want := range map[string]string{
		"bench step --steps 0":             "--steps",
		"bench step --warmup 0":            "--warmup: want 1 step or more, got 0",
		"bench step --data_folder nowhere": "nowhere",
		"bench step --batch_size 64 -k 64 --arch resnet18 --precision fp32 --data_folder " + filepath.Dir(photo): "as many images as a batch",
	} {
		if code, text := command(t, strings.Fields(line)...); code == 0 || !strings.Contains(text, want) {
			t.Errorf("%s: exit code %d, want an error with %q in\n%s", line, code, want, text)
		}
	}
}

// TestBenchStepNowhere runs without a folder for temporary files.
func TestBenchStepNowhere(t *testing.T) {
	t.Setenv("TMPDIR", "/nowhere")
	if code, text := command(t, "bench", "step"); code != exitFailed || !strings.Contains(text, "/nowhere") || !strings.Contains(text, "TMPDIR") || len(answers(text)) != 1 {
		t.Errorf("exit code %d, want %d and one sentence about TMPDIR, got\n%s", code, exitFailed, text)
	}
}

// TestBenchStepInterrupted stops a measurement, which says that it has no result and leaves
// no files behind.
func TestBenchStepInterrupted(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	p := spawn(t, strings.Fields("bench step --arch resnet18 --width 0.0625 --stem cifar --input_res 16 --batch_size 2 -k 64 --steps 20000 --warmup 1 --threads 1 -j 1")...)
	p.until(t, "computing in")
	time.Sleep(time.Second) // into the steps, or wherever it is
	p.Process.Signal(os.Interrupt)
	if code, text := p.end(t); code != 130 || !strings.Contains(text, "stopped without a result\n") || strings.Contains(text, "sav") {
		t.Errorf("exit code %d, want 130 and nothing saved, got\n%s", code, text)
	}
	if left, _ := os.ReadDir(temp); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
