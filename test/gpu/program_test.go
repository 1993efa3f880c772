package gpu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/color"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"contralens/data/datatest"
	"contralens/internal/fakegpu"
)

// program returns the path of the program, and skips the test if there is none or no GPU to
// run it on.
func program(t *testing.T) string {
	t.Helper()
	needGPU(t)
	path := os.Getenv("CONTRALENS_PROGRAM")
	if path == "" {
		t.Skip("CONTRALENS_PROGRAM names no program: make test-fakegpu")
	}
	return path
}

// command is the program with arguments; environment has lines as FAKE_GPUS=2. What it asks of
// the GPU is counted apart from what the test does.
func command(t *testing.T, environment []string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	c := exec.CommandContext(ctx, program(t), args...)
	c.Env = append(append(os.Environ(), "XDG_CACHE_HOME="+cache, "OMP_NUM_THREADS=1"), environment...)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	return c, &out
}

// run runs the program to its end. It returns its exit code and what it printed.
func run(t *testing.T, environment []string, args ...string) (int, string) {
	t.Helper()
	c, out := command(t, environment, args...)
	err := c.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), out.String()
}

// onGPU runs the program and fails the test unless it succeeds and, on the fake runtime,
// launches kernels.
func onGPU(t *testing.T, args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "counts")
	code, out := run(t, []string{"FAKE_COUNTS=" + file}, args...)
	if code != 0 {
		t.Fatalf("%s: exit code %d\n%s", strings.Join(args, " "), code, out)
	}
	if !fakegpu.Present() {
		return out
	}
	counts, err := fakegpu.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if counts.Sum("kernel").Number == 0 {
		t.Fatalf("%s: no kernel was launched\n%s", strings.Join(args, " "), out)
	}
	return out
}

// cache is the programs' folder of measurements.
var cache string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if cache, err = os.MkdirTemp("", "contralens-gpu-"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(cache)
		return m.Run()
	}())
}

// classes makes a folder of images of two classes, for training and for validation.
func classes(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, split := range []string{"train", "val"} {
		for class := range 2 {
			datatest.Pictures(filepath.Join(dir, split, fmt.Sprint("class", class)), 8, 32, func(i, x, y int) color.RGBA {
				v := uint8(16*i + 8*[]int{x, y}[class])
				return color.RGBA{v, v / 2, 255 - v, 255}
			})
		}
	}
	return dir
}

// contrast is the command line of a small pre-training in the folder runs.
func contrast(data, runs, device string, more ...string) []string {
	return append(strings.Fields("contrast --method MoCov2 --ft posneg --arch resnet18 --width 0.125 --stem cifar "+
		"--input_res 32 --batch_size 8 -k 16 -d 16 -j 1 --threads 1 --precision fp32 --memory_format channels_last "+
		"--epochs 2 --save_freq 1 --print_freq 1 --save_score --name run --model_path "+runs+"/runs --tb_path "+runs+
		"/tb --data_folder "+data+" --device "+device), more...)
}

// Every command that computes runs to its end on a GPU.
func TestCommands(t *testing.T) {
	program(t)
	data, runs := classes(t), t.TempDir()
	onGPU(t, contrast(data, runs, "cuda:0")...)
	encoder := []string{"--ckpt", filepath.Join(runs, "runs/run/current.pth"), "--device", "cuda:0"}
	classifiers := filepath.Join(runs, "classifiers")
	kept := []string{"--model_path", classifiers, "--tb_path", filepath.Join(runs, "tb")}
	labeled := append([]string{"--data_folder", data, "-j", "1"}, encoder...)
	probe := slices.Concat(labeled, kept, []string{"--epochs", "2", "--batch_size", "8"})
	tiny := strings.Fields("--arch resnet18 --stem cifar --input_res 32 --batch_size 8 --device cuda:0")
	for _, c := range []struct {
		name string
		args []string
	}{
		{"knn", append([]string{"knn", "-K", "3"}, labeled...)},
		{"linear", append([]string{"linear", "--name", "run"}, probe...)},
		{"predict", []string{"predict", filepath.Join(data, "val/class0"), "--device", "cuda:0",
			"--ckpt", filepath.Join(classifiers, "run/current.pth")}},
		{"linear, cached", append([]string{"linear", "--cached", "--name", "cached"}, probe...)},
		{"finetune", append([]string{"finetune"}, probe...)},
		{"supervised", slices.Concat([]string{"supervised", "--width", "0.125", "--data_folder", data, "--epochs", "1"},
			tiny, kept)},
		{"features", append([]string{"features", data + "/val", "-o", runs + "/features.parquet"}, encoder...)},
		{"look", append([]string{"look", data, "-o", filepath.Join(runs, "look.html")}, encoder...)},
		{"doctor", []string{"doctor", "--measure"}},
		{"bench step", append([]string{"bench", "step", "-k", "64", "--steps", "2"}, tiny...)},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := onGPU(t, c.args...)
			if first, _, _ := strings.Cut(out, "\n"); c.name != "look" && c.name != "doctor" && !strings.Contains(first, "computing on cuda:0: ") {
				t.Errorf("the first line does not say the device:\n%s", out)
			}
		})
	}
}

// A training that is killed on a GPU resumes there and on the CPU, and one of the CPU on a GPU.
func TestKillAndResume(t *testing.T) {
	program(t)
	data := classes(t)
	for name, devices := range map[string][2]string{
		"GPU": {"cuda:0", "cuda:0"}, "GPU to CPU": {"cuda:0", "cpu"}, "CPU to GPU": {"cpu", "cuda:0"},
	} {
		t.Run(name, func(t *testing.T) {
			runs := t.TempDir()
			c, _ := command(t, nil, contrast(data, runs, devices[0], "--epochs", "2000")...)
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			saved := filepath.Join(runs, "runs/run/current.pth")
			for limit := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
				if _, err := os.Stat(saved); err == nil {
					break
				} else if time.Now().After(limit) {
					t.Fatal("no checkpoint within a minute")
				}
			}
			if err := c.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			c.Wait()
			again := contrast(data, runs, devices[1], "--resume", "auto", "--epochs", "2000")
			c, out := command(t, nil, again...)
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			before, err := os.Stat(saved)
			if err != nil {
				t.Fatal(err)
			}
			for limit := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
				now, err := os.Stat(saved)
				if err == nil && now.ModTime().After(before.ModTime()) {
					break
				}
				if time.Now().After(limit) {
					c.Process.Kill()
					c.Wait()
					t.Fatalf("no further checkpoint within a minute:\n%s", out)
				}
			}
			if err := c.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			if c.Wait(); c.ProcessState.ExitCode() != 75 || !strings.Contains(out.String(), "resum") {
				t.Errorf("want exit code 75 of a stopped training that was resumed, got %d:\n%s", c.ProcessState.ExitCode(), out)
			}
		})
	}
}
