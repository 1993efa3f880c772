package main

import (
	"encoding/json"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/internal/golden"
)

const tinyWeights = "../../checkpoint/weights/testdata/tiny.safetensors"

// TestMovingFeatures converts an encoder of another program through every format, and
// turns its features into a picture of an image's neighbors.
func TestMovingFeatures(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	last := tinyWeights
	for _, name := range []string{"a.npz", "b.pth", "c.onnx", "d.safetensors"} {
		text := must(t, "convert", last, at(name), "--with_head")
		if !strings.Contains(text, "written: "+at(name)) || !strings.Contains(text, "encoder.*") {
			t.Errorf("convert to %s: %s", name, text)
		}
		last = at(name)
		var got struct {
			Network map[string]any
			Tensors []struct{ Name string }
			Problem string
		}
		if err := json.Unmarshal([]byte(must(t, "inspect", last, "--json")), &got); err != nil {
			t.Fatal(err)
		}
		if n := got.Network; got.Problem != "" || n["arch"] != "resnet18" || n["width"] != 0.03125 || n["stem"] != "cifar" || n["head"] != "linear" || len(got.Tensors) < 100 {
			t.Errorf("%s: %v, %d tensors, %s", name, n, len(got.Tensors), got.Problem)
		}
	}
	if text := must(t, "inspect", last, "--tensors"); !strings.Contains(text, "layer4.1.conv2.weight") || !strings.Contains(text, "--arch resnet18") {
		t.Errorf("inspect: %s", text)
	}
	photos := golden.Path(t, "augment", "images")
	text := must(t, "features", photos, "--ckpt", at("b.pth"), "-o", at("f.parquet"), "--input_res", "32")
	if !strings.Contains(text, "16 features each") || !strings.Contains(text, "by its shapes it is --arch resnet18") {
		t.Errorf("features: %s", text)
	}
	photo := filepath.Join(photos, "img0.jpg")
	must(t, "neighbors", photo, "--in", at("f.parquet"), "-o", at("grid.png"), "-k", "3")
	f, err := os.Open(at("grid.png"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if m, err := png.Decode(f); err != nil || m.Bounds().Dx() < 600 {
		t.Errorf("the picture: %v %v", m.Bounds(), err)
	}
	// A copy elsewhere is not in the file: it is embedded anew, and its original
	// is the nearest.
	b, err := os.ReadFile(photo)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at("copy.jpg"), b, 0o644); err != nil {
		t.Fatal(err)
	}
	text = must(t, "neighbors", at("copy.jpg"), "--in", at("f.parquet"), "--json", "-k", "2")
	var found []struct {
		Path       string
		Similarity float64
	}
	if err := json.Unmarshal([]byte(text[strings.Index(text, "[{"):]), &found); err != nil || len(found) != 2 || found[0].Path != "img0.jpg" || found[0].Similarity < 0.9999 {
		t.Errorf("neighbors of a copy: %v %s", err, text)
	}
	for line, want := range map[string]string{
		"convert " + tinyWeights:                                                                  "want a file to read and a file to write",
		"convert " + tinyWeights + " x.bmp --to bmp":                                              "pth, safetensors, npz, detectron2, onnx",
		"convert " + tinyWeights + " " + tinyWeights:                                              "another file to write",
		"inspect nowhere.pth":                                                                     "does not exist",
		"features " + photos:                                                                      "--ckpt",
		"features " + dir + " --ckpt " + tinyWeights + " -o " + at("x.parquet"):                   "",
		"features " + photos + " --ckpt " + tinyWeights + " -o x.npy --batch_size -3":             "--batch_size: want a whole number of at least 1",
		"neighbors " + photo + " --in x.parquet -o x.png -k 0":                                    "--neighbors: want a whole number of at least 1",
		"neighbors " + photo + " -o x.png":                                                        "--in",
		"knn --strict --ckpt " + at("d.safetensors") + " --arch resnet34 --data_folder " + photos: "tensors are missing",
	} {
		code, text := command(t, strings.Fields(line)...)
		if (code == 0) != (want == "") || !strings.Contains(text, want) {
			t.Errorf("%s: exit code %d, want %q: %s", line, code, want, text)
		}
	}
}
