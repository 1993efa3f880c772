package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	probeset "contralens/features/probe"
	"contralens/scores"
	"contralens/scores/record"
)

// A grid is trained once, resumed where it stopped, and plotted.
func TestSweep(t *testing.T) {
	data := stripes(t, 5)
	t.Chdir(t.TempDir())
	sweepLine := append([]string{"scores", "sweep", "--vary", "alpha=.9,.5", "--format", "svg", "-o", "out", "--"}, small(data, "--epochs", "1", "--record", "--probe", "6")[1:]...)
	text := must(t, sweepLine...)
	for _, want := range []string{"run 1 of 2: alpha=.9", "run 2 of 2: alpha=.5", "figures in out/figures"} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
	b, err := os.ReadFile("out/figures/neg_mean.svg")
	if err != nil || !strings.Contains(string(b), "alpha = 0.9: k-NN ") || !strings.Contains(string(b), "alpha = 0.5: k-NN ") {
		t.Errorf("the legend lacks options and accuracies: %v", err)
	}
	// As if it had been stopped in the second run.
	if err := os.Remove("out/cells/alpha-.5.json"); err != nil {
		t.Fatal(err)
	}
	text = must(t, sweepLine...)
	if !strings.Contains(text, "run 1 of 2: alpha=.9: finished") || !strings.Contains(text, "resuming out/alpha-.5/") {
		t.Errorf("continuing printed\n%s", text)
	}
	if code, text := command(t, append(sweepLine, "--seed", "9")...); code != exitFailed || !strings.Contains(text, "other options") {
		t.Errorf("other options: exit code %d, %s", code, text)
	}
	checkRecord(t, filepath.Join("out", "alpha-.9"))
	files, err := filepath.Glob("out/tb/alpha-.9/events.out.tfevents.*")
	if err != nil || len(files) == 0 {
		t.Fatalf("event files: %v, %v", files, err)
	}
	if all := strings.Join(records(t, files[0]), "\n"); !strings.Contains(all, "scores/pos") || !strings.Contains(all, "scores/neg") {
		t.Error("TensorBoard has no histograms of scores")
	}
	if files := must(t, "scores", "export", "out/alpha-.9", "--format", "npz", "-o", "out/export"); !strings.Contains(files, "scores.npz") {
		t.Errorf("export printed %s", files)
	}
}

// checkRecord checks the record and the probe set of a training of one epoch of two steps.
func checkRecord(t *testing.T, run string) {
	t.Helper()
	s, err := scores.Open(run)
	if err != nil {
		t.Fatal(err)
	}
	if first, last := s.Range(); first != 1 || last != 2 {
		t.Errorf("steps %d to %d are recorded, want 1 to 2", first, last)
	}
	for _, name := range record.TrainingNames() {
		want := 2
		switch {
		case strings.HasPrefix(name, "lambda_"), name == "grad_age": // of keys of training, which come later
			want = 0
		case strings.HasPrefix(name, "grad_") && name != "grad_q": // of the first step and every tenth
			want = 1
		}
		if bins, err := s.Curve(name, 1, 2, 10); err != nil || len(bins) != want {
			t.Errorf("%s: %v, %v, want %d", name, bins, err, want)
		}
	}
	p, err := probeset.Open(probeset.Dir(run))
	if err != nil {
		t.Fatal(err)
	}
	if epochs, err := p.Epochs(); err != nil || len(epochs) != 2 || len(p.Labels) != 6 {
		t.Errorf("probe: epochs %v, %d images, %v", epochs, len(p.Labels), err)
	}
}

func TestWithoutRecord(t *testing.T) {
	data := stripes(t, 5)
	t.Chdir(t.TempDir())
	must(t, small(data, "--epochs", "1", "--record=false", "--name", "off")...)
	if _, err := os.Stat("save/off/scores"); err == nil {
		t.Error("--record=false leaves a record")
	}
}

func TestScoresUsage(t *testing.T) {
	t.Chdir(t.TempDir())
	for line, want := range map[string]string{
		"scores sweep -- --epochs 3":                         "--vary alpha=1,.99,.9",
		"scores sweep --vary alpha":                          "OPTION=VALUE",
		"scores sweep --vary momentom=1":                     `no option "momentom"`,
		"scores sweep --vary alpha=1,many":                   "a number",
		"scores sweep --vary nce_t=.1,.2 -- --method MoCov2": "Customize",
		"scores plot run --smooth -5":                        "0 or more",
		"scores plot run --label a --label b":                "2 labels",
		"scores plot run --style poster":                     "paper, slides, web",
		"scores export":                                      "one run directory",
		"scores export run --format xls":                     "csv, parquet, npz",
		"scores sweep --vary alpha=1 -- --no_such 3":         "no_such",
	} {
		if code, text := command(t, strings.Fields(line)...); code != exitUsage || !strings.Contains(text, want) {
			t.Errorf("%s: exit code %d, want %d with %q in\n%s", line, code, exitUsage, want, text)
		}
	}
}
