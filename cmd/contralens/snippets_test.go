package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"contralens/features/table"
)

// TestSnippets runs the Python of docs/first-run.md on features and an encoder of this
// program. A snippet whose packages are not installed is named. PYTHON names another
// Python than Debian's.
func TestSnippets(t *testing.T) {
	text, err := os.ReadFile("../../docs/first-run.md")
	if err != nil {
		t.Fatal(err)
	}
	python := cmp.Or(os.Getenv("PYTHON"), "/usr/bin/python3")
	t.Chdir(t.TempDir())
	drawings(t, "photos/cats", 20, false)
	drawings(t, "photos/dogs", 20, true)
	must(t, small("photos", "--epochs", "1", "--batch_size", "8", "--name", "first", "--input_res", "32")...)
	must(t, "features", "photos", "--ckpt", "save/first/current.pth", "--input_res", "224", "-o", "photos.parquet")
	must(t, "convert", "save/first/current.pth", "encoder.onnx")
	feature, _, err := table.Find("photos.parquet", "cats/1.jpg")
	if err != nil || feature == nil {
		t.Fatalf("%d features, %v", len(feature), err)
	}
	nearest, err := table.Nearest("photos.parquet", feature, 5, "cats/1.jpg")
	if err != nil {
		t.Fatal(err)
	}

	imports := regexp.MustCompile(`(?m)^(?:import|from) (\w+)`)
	blocks := regexp.MustCompile("(?s)```python\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) != 3 {
		t.Fatalf("want 3 snippets, got %d", len(blocks))
	}
	for _, block := range blocks {
		code := block[1]
		var needs []string
		for _, m := range imports.FindAllStringSubmatch(code, -1) {
			needs = append(needs, m[1])
		}
		if strings.Contains(code, "read_parquet") {
			needs = append(needs, "pyarrow")
		}
		if exec.Command(python, "-c", "import "+strings.Join(needs, ", ")).Run() != nil {
			t.Logf("not run: %s has not all of %s", python, strings.Join(needs, ", "))
			continue
		}
		code += "\nimport json\nprint(json.dumps(features.tolist()))\n"
		if strings.Contains(code, "duckdb") {
			code = block[1]
		}
		out, err := exec.Command(python, "-c", code).CombinedOutput()
		if err != nil {
			t.Errorf("%v:\n%s\n%s", err, code, out)
			continue
		}
		if strings.Contains(code, "onnxruntime") {
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			var got [][]float64
			if err := json.Unmarshal([]byte(lines[len(lines)-1]), &got); err != nil || len(got) != 1 || len(got[0]) != len(feature) {
				t.Fatalf("%v: %s", err, out)
			}
			if c := cosine(got[0], feature); c < 0.999 { // the two scale images differently
				t.Errorf("the features of ONNX Runtime have a cosine of %v with ours", c)
			}
			continue
		}
		for _, n := range nearest[:3] {
			if !strings.Contains(string(out), n.Path) {
				t.Errorf("want the neighbors %v, got\n%s", nearest, out)
			}
		}
	}
}

func cosine(a []float64, b []float32) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab, aa, bb = ab+a[i]*float64(b[i]), aa+a[i]*a[i], bb+float64(b[i])*float64(b[i])
	}
	return ab / math.Sqrt(aa*bb)
}

// drawings writes n pictures with soft bars of different colors, 1.jpg and so on.
func drawings(t *testing.T, dir string, n int, upright bool) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		m := image.NewRGBA(image.Rect(0, 0, 300, 260))
		for y := range 260 {
			for x := range 300 {
				at := x
				if upright {
					at = y
				}
				v := 0.5 + 0.5*math.Sin(float64(at)/float64(10+2*i))
				m.Set(x, y, color.RGBA{uint8(250 * v), uint8(120 + 6*i), uint8(200 * (1 - v)), 255})
			}
		}
		f, err := os.Create(filepath.Join(dir, fmt.Sprint(i+1, ".jpg")))
		if err == nil {
			err = jpeg.Encode(f, m, nil)
		}
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
