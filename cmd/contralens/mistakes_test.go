package main

import (
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"contralens/checkpoint"
	"contralens/internal/machine"
	"contralens/nn"
	"contralens/torch"
)

// mistake is a wrong command line and what the answer must contain. In args, IN is a folder
// with the inputs that mistakenInputs makes.
type mistake struct {
	args string
	code int
	want []string // what was expected, what came, what to do
}

// mistakes has all rows. Other files append theirs in an init function.
var mistakes []mistake

// Every mistake is answered within a second by one sentence without a stack trace, and
// leaves no files behind.
func TestMistakes(t *testing.T) {
	if len(mistakes) < 140 {
		t.Errorf("%d mistakes, want 140 or more", len(mistakes))
	}
	in := mistakenInputs(t)
	t.Chdir(t.TempDir())
	seen := map[string]bool{}
	for _, m := range mistakes {
		if seen[m.args] {
			t.Errorf("%s is there twice", m.args)
		}
		seen[m.args] = true
		t.Run(m.args, func(t *testing.T) {
			args := strings.Fields(strings.ReplaceAll(m.args, "IN", in))
			var code int
			var text string
			start, worked := time.Now(), machine.ProcessorTime()
			code, text = command(t, args...)
			// Other programs may have the processor meanwhile.
			if spent := min(time.Since(start), machine.ProcessorTime()-worked); spent >= time.Second {
				t.Errorf("answered after %v", spent)
			}
			if code != m.code {
				t.Errorf("exit code %d, want %d", code, m.code)
			}
			answers := answers(text)
			if len(answers) != 1 || !regexp.MustCompile(`^contralens(: | \w)`).MatchString(answers[0]) || len(answers[0]) > 450 {
				t.Errorf("want one sentence, got\n%s", text)
			}
			for _, bad := range []string{"goroutine", "panic", "%!", "<nil>", "runtime error", "strconv", " yaml:", "unmarshal", "main."} {
				if strings.Contains(text, bad) {
					t.Errorf("%q in the answer\n%s", bad, text)
				}
			}
			for _, w := range m.want {
				if !strings.Contains(text, strings.ReplaceAll(w, "IN", in)) {
					t.Errorf("want %q in\n%s", w, text)
				}
			}
			if left, _ := filepath.Glob("*"); len(left) > 0 {
				t.Errorf("left behind: %v", left)
				for _, l := range left {
					os.RemoveAll(l)
				}
			}
		})
	}
}

// mistakenInputs makes a folder of inputs, most of which are wrong.
func mistakenInputs(t *testing.T) string {
	t.Helper()
	in := t.TempDir()
	put := func(name, content string) {
		path := filepath.Join(in, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	good := stripes(t, 4)
	for from, to := range map[string]string{"train": "good/train", "val": "good/val", "train/class 0": "one/train/a"} {
		if err := os.CopyFS(filepath.Join(in, to), os.DirFS(filepath.Join(good, from))); err != nil {
			t.Fatal(err)
		}
	}
	picture, err := os.ReadFile(filepath.Join(good, "train", "class 0", "0.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"empty", "emptyclasses/train/a", "emptyclasses/train/b"} {
		if err := os.MkdirAll(filepath.Join(in, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	put("single/train/a/1.jpg", string(picture))
	put("otherval/train/a/1.jpg", string(picture))
	put("otherval/train/a/2.jpg", string(picture))
	put("otherval/val/b/1.jpg", string(picture))
	put("flat/1.jpg", string(picture))
	put("flat/2.jpg", string(picture))
	for i := range 6 {
		put("broken/train/a/"+string(rune('0'+i))+".jpg", "not a picture")
		put("broken/train/b/"+string(rune('0'+i))+".jpg", "not a picture")
		put("broken/val/a/"+string(rune('0'+i))+".jpg", "not a picture")
	}
	put("text/README.txt", "hello")
	put("picture.jpg", string(picture))
	put("list.txt", "good/train/class 0/0.jpg\tcat\nno label here\n")
	put("zeros.txt", "\x00\x01\x02")
	put("cifar/data_batch_1.bin", "short")
	put("stl/train_X.bin", strings.Repeat("x", 3*96*96+1))
	put("idx/train-images-idx3-ubyte", "\x00\x00\x08\x03\x00\x00\x00\x02")
	put("shards/train/000000.tar", "no tar file")
	put("cut.pth", "PK\x03\x04 and then nothing")
	put("text.pth", "these are no weights")
	put("empty.pth", "")
	put("options.yaml", "epochs: many\n")
	put("typo.yaml", "epoch: 3\n")
	put("nested.yaml", "train:\n  epochs: 3\n")
	put("list.yaml", "- epochs\n")
	put("tabs.yaml", "epochs:\t3\n\tx: 1\n")
	put("wnids.txt", "n00000001\nn00000002\n")
	put("run/notes.txt", "no run")
	put("page.pth", "<!DOCTYPE html>\n<html><title>Sign in</title></html>")
	put("pointer.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
	mistakenWeights(t, in)
	return in
}

// mistakenWeights makes checkpoints that no command can use: with a NaN, with two encoders,
// and with layers that our networks don't have.
func mistakenWeights(t *testing.T, in string) {
	t.Helper()
	var shapes []nn.Shape
	err := torch.Run(func() (err error) {
		shapes, err = nn.Shapes(nn.Config{Arch: "resnet18", Width: 0.0625, Stem: "cifar"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	filled := func(v float32, shape []int) *checkpoint.Tensor {
		n := 1
		for _, d := range shape {
			n *= d
		}
		return checkpoint.FromFloat32(slices.Repeat([]float32{v}, n), shape...)
	}
	trees := map[string]checkpoint.Dict{}
	for _, s := range shapes {
		name, ours := strings.CutPrefix(s.Name, "encoder.")
		if !ours {
			continue
		}
		add := func(file, name string, value float32) {
			trees[file] = append(trees[file], checkpoint.Item{Key: name, Value: filled(value, s.Shape)})
		}
		value := float32(1)
		if name == "layer2.1.bn1.weight" {
			value = float32(math.NaN())
			add("se.pth", "layer2.1.se.weight", 1)
		}
		add("plain.pth", name, 1)
		add("nan.pth", name, value)
		add("se.pth", name, 1)
		add("two.pth", "left."+name, 1)
		add("two.pth", "right."+name, 2)
	}
	for name, tree := range trees {
		if err := checkpoint.Write(filepath.Join(in, name), tree); err != nil {
			t.Fatal(err)
		}
	}
}

// answers returns the lines of an output that are neither a note nor about the device.
func answers(text string) (all []string) {
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		if !strings.HasPrefix(line, "note: ") && !strings.HasPrefix(line, "computing on ") {
			all = append(all, line)
		}
	}
	return all
}
