package backbone

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"contralens/internal/golden"
	"contralens/internal/tensortest"
	"contralens/nn/layers"
)

// TestManifest compares names and shapes with the reference for every architecture,
// width and number of input channels (1 and 2 in CMC's encoders).
func TestManifest(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(golden.Path(t, "manifest"), "*.json"))
	if err != nil || len(files) != len(ResNets)+1 {
		t.Errorf("%d files of the reference for %d architectures and the summary, error %v", len(files), len(ResNets), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		if name == "summary" {
			continue
		}
		a, known := FindResNet(name)
		if !known {
			t.Errorf("%s is no ResNet", name)
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
			t.Run(a.Name+"/"+tag, func(t *testing.T) { tensortest.Run(t, func() { checkManifest(t, a, tag, names, shapes) }) })
		}
	}
}

// checkManifest reads a tag such as "width0.5_in2".
func checkManifest(t *testing.T, a ResNet, tag string, names []string, shapes [][]int) {
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
	b := layers.NewBuilder(layers.Options{})
	newResNet(b, a, Options{Channels: in, Width: 1, Multiplier: width, Stem: "imagenet"})
	state := b.State()
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
