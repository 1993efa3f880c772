package csvset

import (
	"encoding/json"
	"fmt"
	"image/color"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"contralens/data/datatest"
	"contralens/data/sets"
	"contralens/data/store"
	"contralens/views"
)

// pictures returns the files of a dataset of 12 images.
func pictures(t *testing.T) store.Memory {
	t.Helper()
	files, list := store.Memory{}, "image,class,split\n"
	for i := range 12 {
		name := fmt.Sprintf("all/%02d.png", i)
		files["photos/"+name] = datatest.PNG(20, 16, func(x, y int) color.RGBA {
			v := uint8((20*y+x)*(i+1) + i)
			return color.RGBA{v, v, v, 255}
		})
		list += fmt.Sprintf("%s,%s,%s\n", name, []string{"dog", "cat"}[i%2], []string{"train", "train", "train", "test"}[i/3])
	}
	files["photos/labels.csv"] = []byte(list)
	return files
}

// The dataset is recognized by its list, and read from any store.
func TestOpen(t *testing.T) {
	p, err := sets.Open(t.Context(), sets.Options{Store: pictures(t), Folder: "photos"})
	if err != nil {
		t.Fatal(err)
	}
	if p.Train.Name() != "csv" || p.Train.Len() != 9 || p.Test.Len() != 3 ||
		fmt.Sprint(p.Train.Classes()) != "[cat dog]" ||
		p.Train.Label(0) != 1 || p.Train.Label(1) != 0 || p.Test.Label(0) != 0 {
		t.Errorf("%s: %d and %d images of %v", p.Train.Name(), p.Train.Len(), p.Test.Len(), p.Train.Classes())
	}
	var m views.Image
	if err := p.Train.Image(t.Context(), 8, &m); err != nil || m.W != 20 || m.Pix[3] != 17 {
		t.Errorf("the last image: %v, %d wide, %v", err, m.W, m.Pix[:6])
	}
	for text, want := range map[string]string{"": "image,class,split", "a,b\n": "image,class,split",
		"image,class,split\nx,y\n": "wrong number of fields"} {
		if _, err := sets.Open(t.Context(), sets.Options{Store: store.Memory{"labels.csv": []byte(text)},
			Name: "csv"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a list of %q: error %v, want one with %q", text, err, want)
		}
	}
}

// The program knows the dataset if this package is imported.
func TestProgram(t *testing.T) {
	dir := t.TempDir()
	for name, b := range pictures(t) {
		write(t, filepath.Join(dir, name), b)
	}
	program := compile(t, dir)
	do := func(args ...string) string {
		t.Helper()
		c := exec.Command(program, args...)
		c.Dir = dir
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", args, err, out)
		}
		return string(out)
	}
	if help := strings.Join(strings.Fields(do("knn", "--help")), " "); !strings.Contains(help, "registered by other packages: csv") {
		t.Error("the help of --dataset does not name csv")
	}
	for _, more := range [][]string{nil, {"--dataset", "csv"}} {
		if text := do(append([]string{"data", "stats", "photos"}, more...)...); !strings.Contains(text,
			"dataset csv\ntrain: 9 images") {
			t.Errorf("data stats %s printed\n%s", more, text)
		}
	}
	small := "--dataset csv --data_folder photos --arch resnet18 --width 0.06 --stem cifar --input_res 16 -j 1 --threads 1"
	if text := do(strings.Fields("knn -K 3 " + small)...); !strings.Contains(text, "9 training images, 3 test images") {
		t.Errorf("knn printed\n%s", text)
	}
}

// compile builds the program with one more file, which imports this package.
func compile(t *testing.T, dir string) string {
	t.Helper()
	file, overlay, program := filepath.Join(dir, "csvset.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir,
		"contralens")
	command, err := filepath.Abs("../../cmd/contralens")
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, []byte("package main\n\nimport _ \"contralens/examples/csvset\"\n"))
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(command, "csvset.go"): file}})
	if err != nil {
		t.Fatal(err)
	}
	write(t, overlay, text)
	if out, err := exec.Command("go", "build", "-overlay", overlay, "-o", program, command).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}
