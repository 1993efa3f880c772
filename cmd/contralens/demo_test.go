package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"contralens/data/datatest"
	"contralens/rundir"
)

// garments writes a dataset in the format of Fashion-MNIST: stripes of two directions.
func garments(t *testing.T) string {
	t.Helper()
	const side = 28
	dir := t.TempDir()
	for name, n := range map[string]int{"train": 160, "t10k": 40} {
		pixels, labels := make([]byte, 0, n*side*side), make([]byte, 0, n)
		for i := range n {
			labels = append(labels, byte(i%2))
			for y := range side {
				for x := range side {
					along := []int{x, y}[i%2] + i
					pixels = append(pixels, byte(40*(along%6)))
				}
			}
		}
		head := func(values ...uint32) (b []byte) {
			for _, v := range values {
				b = binary.BigEndian.AppendUint32(b, v)
			}
			return b
		}
		datatest.Put(t, dir, name+"-images-idx3-ubyte", head(0x803, uint32(n), side, side), pixels)
		datatest.Put(t, dir, name+"-labels-idx1-ubyte", head(0x801, uint32(n)), labels)
	}
	return dir
}

// The demo trains twice, evaluates, draws, and says what it chose and where everything is.
// Another demo replaces it.
func TestDemo(t *testing.T) {
	images := garments(t)
	t.Chdir(t.TempDir())
	t.Setenv("TMPDIR", t.TempDir()) // no other demo leaves anything there
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	line := []string{"demo", "--data_folder", images, "--images", "128", "--epochs", "2", "--address", "127.0.0.1:0", "--out", "out"}
	text := must(t, line...)
	for _, want := range []string{
		`dashboard: http://127\.0\.0\.1:\d+/\n`,
		`measured: \d+ images/s in training, \d+ in evaluation\n`,
		`chosen: 128 images, 2 epochs, k-NN on 40 test images\n`,
		`all of it takes about \d+ s of 8 min\n`,
		`\n1 of 2: MoCo v2 \(τ = 0\.1\)\n`, `\n1 of 2  epoch 2/2 done  loss`,
		`\n2 of 2: MoCo v2 \+ feature transformation from step 2\n`, `\n2 of 2  epoch 2/2 done  loss`,
		`\n  untrained network +\d+\.\d\d %\n  MoCo v2, 2 epochs +\d+\.\d\d %\n  MoCo v2 \+ FT, 2 epochs +\d+\.\d\d %\n`,
		`figures:  out/figures/scores\.png`, `serve out\n`, `all of it took \d+ s\n`,
	} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
	for _, file := range []string{
		"figures/scores.png", "plain/" + rundir.CurrentFile, "ft/" + rundir.CurrentFile, "plain/scores", "ft/log.txt",
	} {
		if _, err := os.Stat(filepath.Join("out", file)); err != nil {
			t.Error(err)
		}
	}
	if left, _ := filepath.Glob("*"); len(left) != 1 {
		t.Errorf("beside the demo's folder: %v", left)
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "contralens-demo-*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}

	line[6] = "1"
	line[4] = "160"
	if text := must(t, append(line, "--serve=false")...); !strings.Contains(text, "MoCo v2 + FT, 1 epoch ") || strings.Contains(text, "dashboard") {
		t.Errorf("another demo, without a page:\n%s", text)
	}
	if runs, _ := filepath.Glob("out/tb/*/*"); len(runs) != 2 {
		t.Errorf("events of both demos: %v", runs)
	}
}

// A demo that is stopped keeps what it has, and is finished with its own sizes by the same
// command with --resume auto. What is done is not repeated.
func TestDemoResumes(t *testing.T) {
	images := garments(t)
	t.Chdir(t.TempDir())
	line := []string{"demo", "--data_folder", images, "--serve=false", "--epochs", "20", "--seed", "3"}
	if code, text := command(t, append(line, "--resume", "auto")...); code != exitFailed || !strings.Contains(text, "want a demo to resume") {
		t.Errorf("nothing to resume: exit code %d\n%s", code, text)
	}
	p := spawn(t, line...)
	p.until(t, "2 of 2  epoch 1/20 done")
	p.Process.Signal(syscall.SIGINT)
	if code, text := p.end(t); code != exitStopped || !strings.Contains(text, "resume with the same command and --resume auto") {
		t.Fatalf("exit code %d, want %d\n%s", code, exitStopped, text)
	}
	text := must(t, append(line, "--images", "150", "--resume", "auto")...)
	for want, has := range map[string]bool{
		"resuming the demo in demo: 160 images, 20 epochs": true, "resuming demo/ft/": true, "measured: ": false,
		"note: --images 150 has no effect": true, "note: --seed": false, "1 of 2: ": false,
		"MoCo v2, 20 epochs": true, "MoCo v2 + FT, 20 epochs": true,
	} {
		if strings.Contains(text, want) != has {
			t.Errorf("want %q: %v, in\n%s", want, has, text)
		}
	}
}

func TestDemoUsage(t *testing.T) {
	for line, want := range map[string]string{
		"demo extra":             "takes no arguments",
		"demo --minutes 0":       "--minutes",
		"demo --images 3":        "at least 128",
		"demo --resume last":     "want auto",
		"demo --address nowhere": "HOST:PORT",
	} {
		t.Chdir(t.TempDir())
		code, text := command(t, strings.Fields(line)...)
		if code != exitUsage || !strings.Contains(text, want) {
			t.Errorf("%s: want exit code %d and %q, got %d\n%s", line, exitUsage, want, code, text)
		}
	}
}

// A folder that was named and lacks the images is an error, even if Debian's package has them.
func TestDemoFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	code, text := command(t, "demo", "--data_folder", "nowhere", "--serve=false")
	if want := "--data_folder nowhere: want train-images-idx3-ubyte(.gz)"; code != exitFailed || !strings.Contains(text, want) {
		t.Errorf("want exit code %d and %q, got %d\n%s", exitFailed, want, code, text)
	}
}
