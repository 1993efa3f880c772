package autotune

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contralens/internal/machine"
)

func TestCache(t *testing.T) {
	c := Cache{Path: filepath.Join(t.TempDir(), "new", "tune.json"), Key: "this machine"}
	other := small
	other.Batch = 16
	found := []Trial{{way("fp32", "channels_last"), 100}, {way("fp32", "contiguous"), 90}}
	load := func(c Cache, w Workload, want []Trial) {
		t.Helper()
		if got, err := c.Load(w); err != nil || !slices.Equal(got, want) {
			t.Errorf("loaded %v, %v, want %v", got, err, want)
		}
	}
	load(c, small, nil)
	for _, w := range []Workload{small, other} {
		if err := c.Store(w, found); err != nil {
			t.Fatal(err)
		}
	}
	load(c, small, found)
	load(c, other, found)
	load(Cache{c.Path, "another machine"}, small, nil)
	// Splits belong to a dataset: the same one, at the same place.
	split := small
	split.Given, split.Images = Setting{Precision: "fp32", Format: "contiguous"}, &Images{Dataset: &pictures{}, From: "here"}
	load(c, split, nil)
	shared := []Trial{{splits(machine.Processors(), split.Given)[0], 80}}
	if err := c.Store(split, shared); err != nil {
		t.Fatal(err)
	}
	load(c, split, shared)
	elsewhere := split
	elsewhere.Images = &Images{Dataset: &pictures{}, From: "elsewhere"}
	load(c, elsewhere, nil)

	// Nothing is remembered without a place for it.
	if (Cache{}).Store(small, found) == nil {
		t.Error("stored nowhere")
	}
	load(Cache{}, small, nil)
	unwritable := Cache{Path: filepath.Join(c.Path, "tune.json")}
	if unwritable.Store(small, found) == nil {
		t.Error("stored below a file")
	}

	for _, text := range []string{"", "{", `{"x": 3}`, "[]"} {
		if err := os.WriteFile(c.Path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Load(small); err == nil || len(got) > 0 || !strings.Contains(err.Error(), c.Path) {
			t.Errorf("%q: loaded %v, %v", text, got, err)
		}
	}
	if err := c.Store(small, []Trial{{way("fp8", "channels_last"), 100}}); err != nil {
		t.Error(err)
	}
	if got, err := c.Load(small); err == nil {
		t.Errorf("loaded %v", got)
	}
}
