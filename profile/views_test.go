package profile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/config"
)

// TestViews measures pipelines, and a peer beside those with one worker and fast
// decoding.
func TestViews(t *testing.T) {
	dir := t.TempDir()
	if _, err := Photos(dir, 4, 40, 30); err != nil {
		t.Fatal(err)
	}
	c := config.DefaultBenchViews()
	c.DataFolder, c.Pipelines, c.InputRes, c.Seconds, c.Workers = dir, "B,eval", 32, 1e-6, 2
	all, err := Pipelines(&c)
	if err != nil || len(all) != 8 { // both decoders, one worker and two
		t.Fatalf("%d pipelines, %v", len(all), err)
	}
	asked := map[string]int{}
	peer := func(pipeline string, views, size int, _ float64) (float64, error) {
		if size != 32 || views != map[string]int{"B": 2, "eval": 1}[pipeline] {
			t.Errorf("the peer was asked for %d views of %d pixels of %s", views, size, pipeline)
		}
		asked[pipeline]++
		return 100, nil
	}
	if err := MeasureViews(&c, all, peer); err != nil {
		t.Fatal(err)
	}
	if asked["B"] != rounds || asked["eval"] != rounds {
		t.Errorf("the peer was asked %v times", asked)
	}
	for _, v := range all {
		compared := v.Workers == 1 && v.Decode == "fast"
		if !(v.ImagesPerSecond > 0) || !(v.PerCore > 0) || v.ViewsPerSecond != v.ImagesPerSecond*float64(v.Views) {
			t.Errorf("%+v", v)
		}
		if compared && (v.Peer < 99 || v.Peer > 101 || v.Ratio != v.PerCore/v.Peer) || !compared && v.Peer != 0 {
			t.Errorf("%s, %d workers, %s: %v times the peer's %v", v.Pipeline, v.Workers, v.Decode, v.Ratio, v.Peer)
		}
	}
	var table strings.Builder
	PrintViews(&table, all, true)
	if n := strings.Count(table.String(), "\n"); n != 9 || !strings.Contains(table.String(), "ratio") {
		t.Errorf("%d lines:\n%s", n, &table)
	}

	broken := errors.New("broken")
	failing := func(string, int, int, float64) (float64, error) { return 0, broken }
	if err := MeasureViews(&c, all, failing); !errors.Is(err, broken) {
		t.Errorf("a peer that fails: %v", err)
	}
	c.Pipelines = "B,Z"
	if _, err := Pipelines(&c); err == nil || !strings.Contains(err.Error(), `"Z"`) {
		t.Errorf("a pipeline that does not exist: %v", err)
	}
}

// TestProgramPeer runs programs as a peer.
func TestProgramPeer(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		script string
		rate   float64
		want   string
	}{
		"rate":   {"echo $#$2$3$4", 5e12, ""},
		"failed": {"echo no images >&2; exit 3", 0, "no images"},
		"words":  {"echo many", 0, `got "many"`},
	} {
		program := filepath.Join(dir, name)
		if err := os.WriteFile(program, []byte("#!/bin/sh\n"+c.script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		rate, err := ProgramPeer(program, "photos")("e", 1, 2, 0.5)
		if c.want == "" {
			if rate != c.rate || err != nil { // 5 arguments, "e", 1, 2
				t.Errorf("%s: %v, %v", name, rate, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), program) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}
