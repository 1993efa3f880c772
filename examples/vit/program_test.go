package vit

import (
	"bytes"
	"encoding/json"
	"image/color"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"contralens/checkpoint"
	"contralens/data/datatest"
)

// If this package is imported, the program trains the architecture with MoCo v2 and the
// feature transformation, resumes with the same bits, and reads its checkpoint.
func TestProgram(t *testing.T) {
	dir := t.TempDir()
	pictures(filepath.Join(dir, "photos", "train", "a"), 32)
	pictures(filepath.Join(dir, "photos", "val", "a"), 8)
	program := compile(t, dir)
	do := func(args string, more ...string) string {
		t.Helper()
		c := exec.Command(program, append(strings.Fields(args), more...)...)
		c.Dir = dir
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", args, err, out)
		}
		return string(out)
	}
	if help := do("contrast --help"); !strings.Contains(help, "vit_tiny") {
		t.Error("the help of --arch does not name vit_tiny")
	}
	train := "contrast --method MoCov2 --ft posneg --arch vit_tiny --width 0.125 --stem cifar --input_res 24 -k 32 -d 8 " +
		"--batch_size 8 --learning_rate 0.01 --seed 3 -j 1 --threads 1 --memory_format channels_last --data_folder photos " +
		"--model_path save --tb_path tb "
	do(train + "--precision fp32 --epochs 2 --name whole")
	do(train + "--precision fp32 --epochs 1 --name half")
	do(train + "--precision fp32 --epochs 2 --name resumed --resume save/half/current.pth")
	for _, key := range []string{"model", "model_ema", "contrast"} {
		whole, resumed := values(t, dir, "whole", key), values(t, dir, "resumed", key)
		if len(whole) == 0 || !bytes.Equal(whole, resumed) {
			t.Errorf("%s after resuming differs from that of a run in one go", key)
		}
	}
	if bytes.Equal(values(t, dir, "whole", "model"), values(t, dir, "half", "model")) {
		t.Error("the second epoch changed nothing")
	}
	do(train + "--precision bf16 --checkpoint_activations --epochs 1 --name bf16")

	var about struct {
		Network map[string]any
		Problem string
	}
	if err := json.Unmarshal([]byte(do("inspect --json save/whole/current.pth")), &about); err != nil {
		t.Fatal(err)
	}
	if about.Network["arch"] != "vit_tiny" || about.Network["width"] != 0.125 || about.Problem != "" {
		t.Errorf("inspect: %+v", about)
	}
	do("features --ckpt save/whole/current.pth -o features.npy photos/val")
	features, err := os.ReadFile(filepath.Join(dir, "features.npy"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(features[:128], []byte("(8, 24)")) {
		t.Errorf("features begin with %q, want those of 8 pictures, 24 values each", features[:128])
	}
	do("convert save/whole/current.pth weights.safetensors")
	do(train + "--precision fp32 --epochs 1 --name init --init weights.safetensors")
}

// compile builds the program with one more file, which imports this package.
func compile(t *testing.T, dir string) string {
	t.Helper()
	file, overlay := filepath.Join(dir, "vit.go"), filepath.Join(dir, "overlay.json")
	program := filepath.Join(dir, "contralens")
	command, err := filepath.Abs("../../cmd/contralens")
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, []byte("package main\n\nimport _ \"contralens/examples/vit\"\n"))
	replace := map[string]any{"Replace": map[string]string{filepath.Join(command, "vit.go"): file}}
	text, err := json.Marshal(replace)
	if err != nil {
		t.Fatal(err)
	}
	write(t, overlay, text)
	out, err := exec.Command("go", "build", "-overlay", overlay, "-o", program, command).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// values returns the bytes of a checkpoint's tensors under a key.
func values(t *testing.T, dir, run, key string) (all []byte) {
	t.Helper()
	tree, err := checkpoint.Read(filepath.Join(dir, "save", run, "current.pth"))
	if err != nil {
		t.Fatal(err)
	}
	items, ok := tree.Get(key).(checkpoint.OrderedDict)
	if !ok {
		t.Fatalf("%s of %s is %T", key, run, tree.Get(key))
	}
	for _, i := range items {
		all = append(all, i.Value.(*checkpoint.Tensor).Data...)
	}
	return all
}

// pictures writes n images, each with different stripes.
func pictures(dir string, n int) {
	datatest.Pictures(dir, n, 32, func(i, x, y int) color.RGBA {
		return color.RGBA{uint8(x * (i + 1)), uint8(y * (n - i)), uint8((x + y) * i), 255}
	})
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}
