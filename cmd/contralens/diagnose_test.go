package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/features/spectrum"
	"contralens/rundir"
	"contralens/scores/vitals"
)

// diagnose says what is wrong with each run below a directory, and which could not be diagnosed.
func TestDiagnoseFolder(t *testing.T) {
	root := t.TempDir()
	add := func(name string, dims string, steps ...int) {
		t.Helper()
		dir := filepath.Join(root, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		record := `{"config": {"mem": "moco", "feat_dim": "` + dims + `"}}`
		if err := os.WriteFile(filepath.Join(dir, rundir.RecordFile), []byte(record), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, step := range steps {
			l := vitals.Line{Epoch: 1, Step: step, Planned: 1000, Values: map[string]float64{vitals.Dims: 1.8}}
			if err := vitals.Append(dir, l); err != nil {
				t.Fatal(err)
			}
		}
	}
	add("other", "128")
	if code, said := command(t, "diagnose", root); code != exitFailed || !strings.Contains(said, "none of 1 run could be diagnosed") {
		t.Errorf("code %d, %q", code, said)
	}
	add("narrow", "2", 1, 5)
	add("deeper/young", "128", 1, 5)
	add("deeper/sound", "128", 1, 100, 200, 300)
	add("dead", "128", 1, 100)
	for name, text := range map[string]string{rundir.LogFile: "epoch 1\nfailed: epoch 1, step 100: the loss became NaN\n", spectrum.FileName: "{broken\n"} {
		if err := os.WriteFile(filepath.Join(root, "dead", filepath.FromSlash(name)), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	code, out := command(t, "diagnose", root)
	for _, want := range []string{
		"narrow: after step 5 of 1000 (0 %)\n\nThe projection head is too narrow (sure: narrow-head)",
		"deeper/young: after step 5 of 1000 (0 %)\nit is too early to tell: ", "deeper/sound: after step 300 of 1000 (30 %)\nnothing stands out",
		"dead: after step 100 of 1000 (10 %)\nnote: scores/spectrum.jsonl: want a JSON object per line", "\nthe training failed: epoch 1, step 100: the loss became NaN\n",
		"other: not diagnosed: ", "5 runs: 1 with a fault that is sure, 1 that could not be diagnosed\n",
	} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("code %d, want %q in\n%s", code, want, out)
		}
	}
	code, out = command(t, "diagnose", root, "--json")
	for _, want := range []string{
		`{"run":"deeper/sound","diagnoses":[]}`, `{"run":"deeper/young","early":"it is too early to tell: `, `{"run":"other","error":"diagnose: want a run with scores/vitals.jsonl`,
	} {
		if code != 0 || strings.Count(out, "\n") != 5 || !strings.Contains(out, want) {
			t.Errorf("code %d, want %q in\n%s", code, want, out)
		}
	}
	for dir, want := range map[string]string{
		filepath.Join(root, "none"): "want a run directory, or a directory with runs, but there is no directory", t.TempDir(): "has no run.json",
	} {
		if code, said := command(t, "diagnose", dir); code != exitFailed || !strings.Contains(said, want) {
			t.Errorf("code %d, %q, want %q", code, said, want)
		}
	}
}
