package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/rundir"
	"contralens/scores"
	"contralens/scores/record"
)

// scores replay prints what other temperatures would have done; mistakes are a sentence each.
func TestScoresReplay(t *testing.T) {
	dir := t.TempDir()
	h := record.NewHeader([]string{"loss"}, record.TrainingHistograms(false))
	w, err := record.NewWriter(record.Dir(dir), h, 0)
	if err != nil {
		t.Fatal(err)
	}
	pos, neg := make([]float32, 128), make([]float32, 128)
	pos[100], neg[64], neg[70] = 4, 90, 10 // 25 negatives per query
	for step := 1; step <= 120; step++ {
		if err := w.Add(record.Step{Step: step, Values: []float32{2}, Histograms: [][]float32{pos, neg}}); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	code, out := command(t, "scores", "replay", dir, "--nce_t", "0.1,1", "--json")
	var got scores.Temperatures
	if err := json.Unmarshal([]byte(out), &got); code != 0 || err != nil || len(got.At) != 2 || got.From != 21 || got.To != 120 || got.Recorded == nil || *got.Recorded != 2 {
		t.Fatalf("code %d, error %v, %s", code, err, out)
	}
	if a, b := got.At[0], got.At[1]; a.Effective >= b.Effective || b.Effective > 25 || a.Loss >= b.Loss || b.Hardest[1] <= b.Hardest[0] {
		t.Errorf("%+v", got.At)
	}
	if code, out := command(t, "scores", "replay", dir); code != 0 || !strings.Contains(out, "effective negatives") {
		t.Errorf("code %d, %s", code, out)
	}
	for want, args := range map[string][]string{
		"--nce_t: want temperatures above 0": {"--nce_t", "0"}, "want a step from 1 to 120, got 121": {"--step", "121"}, "want a step, or 0": {"--step", "-1"},
		`--nce_t: want a number, got "abc"`: {"--nce_t", "0.1,abc"}, `--step: want a whole number, got "abc"`: {"--step", "abc"},
	} {
		if code, said := command(t, append([]string{"scores", "replay", dir}, args...)...); code == 0 || !strings.Contains(said, want) {
			t.Errorf("%q: code %d, %q", args, code, said)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, rundir.RecordFile), []byte(`{"config": {"nce_t": "0.2", "mask_self": "true", "loss": "dcl"}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, out := command(t, "scores", "replay", dir); code != 0 || strings.Count(out, "\n    0.2 ") != 1 || strings.Count(out, "%  the run's\n") != 1 ||
		!strings.Contains(out, "off by -1.048") || !strings.Contains(out, "which --mask_self leaves out of the loss\nthe run's loss is --loss dcl; this is InfoNCE\n") {
		t.Errorf("the run's temperature is once in the table: code %d, %s", code, out)
	}
	if err := os.WriteFile(filepath.Join(dir, rundir.RecordFile), []byte(`{"config": {"mem": "target"}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, said := command(t, "scores", "replay", dir); code != exitFailed || !strings.Contains(said, "want a training with negatives (--mem moco, bank or batch), got one with --mem target") {
		t.Errorf("BYOL: code %d, %q", code, said)
	}
	if code, said := command(t, "scores", "replay", t.TempDir()); code == 0 || said == "" {
		t.Errorf("no record: code %d, %q", code, said)
	}
}
