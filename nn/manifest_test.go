package nn

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"contralens/internal/golden"
)

// TestManifest holds names and shapes against the reference for every
// architecture, width and number of input channels (1 and 2 in CMC's encoders).
func TestManifest(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(golden.Path(t, "manifest"), "*.json"))
	if err != nil || len(files) != len(Arches)+1 {
		t.Errorf("%d files of the reference for %d architectures and the summary, error %v", len(files), len(Arches), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		if name == "summary" {
			continue
		}
		a, _, err := ParseArch(name)
		if err != nil {
			t.Error(err)
			continue
		}
		var want struct {
			Names          []string
			Shapes         map[string][][]int
			DifferentNames map[string][]string `json:"names_where_different"`
		}
		golden.JSON(t, &want, "manifest", name+".json")
		for tag, shapes := range want.Shapes {
			names := want.Names
			if different, ok := want.DifferentNames[tag]; ok {
				names = different
			}
			t.Run(a.Name+"/"+tag, func(t *testing.T) { run(t, func() { checkManifest(t, a, tag, names, shapes) }) })
		}
	}
}

// checkManifest reads a tag such as "width0.5_in2".
func checkManifest(t *testing.T, a Arch, tag string, names []string, shapes [][]int) {
	number, suffix, narrow := strings.Cut(strings.TrimPrefix(tag, "width"), "_in")
	width, err := strconv.ParseFloat(number, 64)
	if err != nil {
		t.Fatalf("manifest tag %q: %v", tag, err)
	}
	in := 3
	if narrow {
		if in, err = strconv.Atoi(suffix); err != nil {
			t.Fatalf("manifest tag %q: %v", tag, err)
		}
	}
	state, train := State{}, true
	builder{state: &state, train: &train, shapesOnly: true}.resnet(a, width, 1, false, in)
	defer state.Free()
	if len(state) != len(shapes) {
		t.Fatalf("%d entries, want %d", len(state), len(shapes))
	}
	for i, e := range state {
		if e.Name != names[i] || !slices.Equal(e.Tensor.Shape(), shapes[i]) {
			t.Fatalf("entry %d is %s %v, want %v", i, e.Name, e.Tensor.Shape(), shapes[i])
		}
	}
}

func TestHeadManifest(t *testing.T) {
	var summary struct{ Heads map[string][][2]any }
	golden.JSON(t, &summary, "manifest", "summary.json")
	for key, want := range summary.Heads {
		parts := strings.Split(key, "/")
		t.Run(key, func(t *testing.T) {
			run(t, func() {
				heads, err := Shapes(Config{Arch: parts[1], Head: parts[2], Modal: parts[0][:3], Jigsaw: strings.HasSuffix(parts[0], "MultiHeads")})
				if err != nil {
					t.Fatal(err)
				}
				heads = slices.DeleteFunc(heads, func(s Shape) bool { return !strings.HasPrefix(s.Name, "head") })
				for i, s := range heads {
					if got := fmt.Sprint(s.Name, s.Shape); i >= len(want) || got != fmt.Sprint(want[i][0], want[i][1]) {
						t.Errorf("entry %d: got %s", i, got)
					}
				}
				if len(heads) != len(want) {
					t.Errorf("%d entries, want %d", len(heads), len(want))
				}
			})
		})
	}
}
