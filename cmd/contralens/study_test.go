package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"contralens/checkpoint"
	"contralens/detect/detecttest"
	"contralens/recipes"
	"contralens/rundir"
	"contralens/study"
)

// tinyStudy writes a study of two steps per epoch. Its compute settings are fixed, so that weights
// can be compared.
func tinyStudy(t *testing.T, data string) {
	t.Helper()
	text := `title: Tiny
options:
  {method: MoCov2, arch: resnet18, width: 0.125, stem: cifar, input_res: 16, batch_size: 8, nce_k: 20, feat_dim: 16,
   epochs: 3, cosine: true, cosine_by: step, num_workers: 1, threads: 1, precision: fp32, memory_format: channels_last,
   print_freq: 1, data_folder: ` + data + `}
arms:
  plain: {}
  ft: {ft: posneg}
seeds: [1, 2]
tuning:
  options: {learning_rate: [0.03, 0.1, 0.3]}
  search: halving
  epochs: [2, 3]
evaluations:
  knn: {neighbors: 3}
  linear: {}
  fewshot: {labels: 2, draws: 2}
  scores: {}
`
	if err := os.WriteFile("tiny.yaml", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// sameStudy compares two studies: their scores, and all weights bit for bit.
func sameStudy(t *testing.T, a, b string) {
	t.Helper()
	var reports [2]study.Report
	for i, dir := range []string{a, b} {
		text, err := os.ReadFile(filepath.Join(dir, study.ReportFile))
		if err == nil {
			err = json.Unmarshal(text, &reports[i])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	x, y := reports[0], reports[1]
	if len(x.Cells) != len(y.Cells) || x.Done != len(x.Cells) || y.Done != len(y.Cells) || x.Failed+y.Failed > 0 {
		t.Fatalf("%d of %d cells of %s are done, %d of %d of %s", x.Done, len(x.Cells), a, y.Done, len(y.Cells), b)
	}
	for i, c := range x.Cells {
		if fmt.Sprint(c.Name, c.Scores) != fmt.Sprint(y.Cells[i].Name, y.Cells[i].Scores) {
			t.Errorf("%s has %v, and %s %v", c.Name, c.Scores, y.Cells[i].Name, y.Cells[i].Scores)
		}
		var weights [2][]byte
		for i, dir := range []string{a, b} {
			file, err := checkpoint.Read(filepath.Join(dir, study.RunsDir, c.Name, rundir.CurrentFile))
			if err != nil {
				t.Fatal(err)
			}
			weights[i] = tensors(file.Get("model"))
		}
		if len(weights[0]) == 0 || !bytes.Equal(weights[0], weights[1]) {
			t.Errorf("%s: the weights differ", c.Name)
		}
	}
}

// A study comes to its end with tables, a figure and command lines. One that is stopped by a signal and
// one that is killed in the middle of a training, and two processes that share a folder, end with the
// same results, bit for bit.
func TestStudy(t *testing.T) {
	data := stripes(t, 9)
	t.Chdir(t.TempDir())
	tinyStudy(t, data)
	plan := must(t, "study", "tiny.yaml", "--dry_run", "-o", "whole")
	for _, want := range []string{"2 arms × 2 seeds, each arm tuned with 3 settings by halving", "ft_seed-2: the setting that tuning chooses", "images/s, evaluations included", "time: about"} {
		if !strings.Contains(plan, want) {
			t.Errorf("want %q in\n%s", want, plan)
		}
	}
	if _, err := os.Stat("whole"); err == nil {
		t.Error("--dry_run made a folder")
	}
	text := must(t, "study", "tiny.yaml", "-o", "whole")
	for _, want := range []string{"== 14 of 14: ft_seed-2", "few-shot-2 ", "left", "difference", "Student's t over seeds", "whole/study.md has everything"} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
	var r study.Report
	b, err := os.ReadFile("whole/study.json")
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil || len(r.Arms) != 2 {
		t.Fatalf("%v: %s", err, b)
	}
	if v := r.Arms[1].Measures["pos_mean"]; v.N != 2 || v.Mean < -1 || v.Mean > 1 || v.Low == nil || v.Difference.N != 2 {
		t.Errorf("the mean of positive scores: %+v", v)
	}
	if again := must(t, "study", "tiny.yaml", "-o", "whole"); strings.Contains(again, "==") || !strings.Contains(again, "difference") {
		t.Errorf("a finished study printed\n%s", again)
	}
	if other := must(t, "study", "tiny.yaml", "-o", "whole", "--report", "--baseline", "ft"); !strings.Contains(other, "The baseline is ft") {
		t.Errorf("with another baseline the report says\n%s", other)
	}
	if now, err := os.ReadFile("whole/study.json"); err != nil || string(now) != string(b) {
		t.Errorf("a report with another baseline changed study.json: %v\n%s", err, now)
	}
	for args, want := range map[string]string{
		"--report --baseline none": "--baseline: want the name of an arm (plain, ft), got \"none\"",
		"--baseline ft":            "want --report with it",
	} {
		if code, text := command(t, append([]string{"study", "tiny.yaml", "-o", "whole"}, strings.Fields(args)...)...); code != 2 || !strings.Contains(text, want) {
			t.Errorf("%s: exit code %d\n%s", args, code, text)
		}
	}
	for _, name := range []string{"study.md", "study.csv", "cells.csv", "study.json", "study.png", "study.svg", "study.yaml"} {
		if info, err := os.Stat(filepath.Join("whole", name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}

	p := spawn(t, "study", "tiny.yaml", "-o", "killed")
	p.until(t, "== 2 of 14")
	p.until(t, "epoch 1/2")
	p.Process.Kill()
	p.end(t)
	p = spawn(t, "study", "tiny.yaml", "-o", "killed")
	p.until(t, "== 12 of 14")
	p.until(t, "epoch 2/3 step 1")
	p.Process.Signal(syscall.SIGTERM)
	if code, text := p.end(t); code != exitStopped || !strings.Contains(text, "the same command resumes the study") ||
		strings.Contains(text, "--resume auto") {
		t.Errorf("stopped: exit code %d\n%s", code, text)
	}
	if text := must(t, "study", "tiny.yaml", "-o", "killed"); !strings.Contains(text, "resuming killed/runs/") {
		t.Errorf("nothing was resumed:\n%s", text)
	}
	sameStudy(t, "whole", "killed")

	both := []*process{spawn(t, "study", "tiny.yaml", "-o", "shared"), spawn(t, "study", "tiny.yaml", "-o", "shared")}
	cells := 0
	for _, p := range both {
		code, text := p.end(t)
		if code != 0 {
			t.Errorf("exit code %d\n%s", code, text)
		}
		cells += strings.Count(text, "== ")
	}
	if cells != 14 {
		t.Errorf("two processes began %d cells, want 14", cells)
	}
	sameStudy(t, "whole", "shared")
}

// Every ready study can be planned, and begins with what it is, how long it takes, and its title.
func TestReadyStudies(t *testing.T) {
	t.Chdir(t.TempDir())
	if n := len(recipes.Studies()); n < 7 {
		t.Errorf("%d ready studies: %v", n, recipes.Studies())
	}
	for _, name := range recipes.Studies() {
		text := must(t, "study", name, "--dry_run")
		seeds := strings.Contains(text, "seed-3")
		if strings.HasPrefix(name, "judge-") { // ranks many trainings, in place of comparing a few
			seeds = strings.Count(text, "_seed-1") >= 48
		}
		if name == "ft-long" { // an hour for each seed
			seeds = strings.Contains(text, "seed-2")
		}
		if !seeds || !strings.Contains(text, "time: unknown, because the images cannot be opened") {
			t.Errorf("%s:\n%s", name, text)
		}
		yaml, _ := recipes.Study(name)
		if !strings.HasPrefix(string(yaml), "# ") || !strings.Contains(string(yaml), "two\n# cores") && !strings.Contains(string(yaml), "two cores") || !strings.Contains(string(yaml), "\ntitle: ") {
			t.Errorf("%s does not say what it is and how long it takes", name)
		}
	}
}

// A study of detectors: an arm without a training, one on the photos of the detector's training and one
// on other images. Stopped in the middle of a detector it resumes, and ends like one that was not.
func TestStudyOfDetectors(t *testing.T) {
	data := t.TempDir()
	detecttest.Write(data, detecttest.VOC(detecttest.Scenes(8, 72, 56, 5)))
	others := stripes(t, 9)
	t.Chdir(t.TempDir())
	text := `options:
  {method: MoCov2, arch: resnet18, width: 0.125, input_res: 32, batch_size: 6, nce_k: 3, feat_dim: 16, epochs: 2,
   knn_every: 0, threads: 1, num_workers: 1, precision: fp32, memory_format: channels_last, data_folder: ` + data + `}
arms:
  none: {untrained: true}
  own: {}
  other: {data_folder: ` + others + `}
seeds: 2
evaluations:
  detect:
    {config: bccd, short: [56, 64], test_short: 64, max_side: 128, rois: 32, anchor_batch: 64, topk_train: [100, 50],
     topk_test: [100, 50], anchors: [8, 16, 24, 32, 48], iterations: 6, lr_decay_iterations: [5], warmup: 2,
     precise_bn: 2, print_freq: 1, save_every: 2, precision: fp32, memory_format: channels_last}
`
	if err := os.WriteFile("d.yaml", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	plan := must(t, "study", "d.yaml", "-o", "whole", "--dry_run")
	if !strings.Contains(plan, "time: unknown, because no detector is trained yet") {
		t.Errorf("the plan:\n%s", plan)
	}
	printed := must(t, "study", "d.yaml", "-o", "whole")
	for _, want := range []string{"MoCov2 on 6 images of voc", "6 of 6  iteration 6/6", "left", "AP50 of boxes", "Average precisions in percent"} {
		if !strings.Contains(printed, want) {
			t.Errorf("want %q in\n%s", want, printed)
		}
	}
	p := spawn(t, "study", "d.yaml", "-o", "stopped")
	p.until(t, "2 of 6  iteration 4/6")
	p.Process.Signal(syscall.SIGTERM)
	if code, text := p.end(t); code != exitStopped || !strings.Contains(text, "the same command resumes the study") {
		t.Errorf("stopped: exit code %d\n%s", code, text)
	}
	if text := must(t, "study", "d.yaml", "-o", "stopped"); !strings.Contains(text, "resuming stopped/detectors/own_seed-1") {
		t.Errorf("nothing was resumed:\n%s", text)
	}
	sameScores(t, "whole", "stopped", 6)
	if code, text := command(t, "study", "d.yaml", "-o", "elsewhere", "--data_folder", others); code != exitFailed || !strings.Contains(text, "VOC") {
		t.Errorf("no annotations: exit code %d\n%s", code, text)
	}
	if _, err := os.Stat("elsewhere"); err == nil {
		t.Error("a folder was made although there are no annotations")
	}
	absent := strings.Replace(text, others, "absent", 1)
	if err := os.WriteFile("absent.yaml", []byte(absent), 0o644); err != nil {
		t.Fatal(err)
	}
	const why = "arm other: --data_folder absent: want a folder with images"
	if plan := must(t, "study", "absent.yaml", "-o", "early", "--dry_run"); !strings.Contains(plan, "arm other: folder absent: want a folder with images") {
		t.Errorf("the plan:\n%s", plan)
	}
	if code, text := command(t, "study", "absent.yaml", "-o", "early"); code != exitFailed || !strings.Contains(text, why) {
		t.Errorf("an arm without its images: exit code %d\n%s", code, text)
	}
	if _, err := os.Stat("early"); err == nil {
		t.Error("a folder was made although an arm has no images")
	}
}

// sameScores compares the scores of two studies with n cells each.
func sameScores(t *testing.T, a, b string, n int) {
	t.Helper()
	var reports [2]study.Report
	for i, dir := range []string{a, b} {
		text, err := os.ReadFile(filepath.Join(dir, study.ReportFile))
		if err == nil {
			err = json.Unmarshal(text, &reports[i])
		}
		if r := reports[i]; err != nil || r.Done != n || r.Failed > 0 || len(r.Cells) != n {
			t.Fatalf("%s: %v, %d of %d cells done, %d failed", dir, err, r.Done, len(r.Cells), r.Failed)
		}
	}
	for i, c := range reports[0].Cells {
		if other := reports[1].Cells[i]; len(c.Scores) != 3 || fmt.Sprint(c.Name, c.Scores) != fmt.Sprint(other.Name, other.Scores) {
			t.Errorf("%s has %v, and %s %v", c.Name, c.Scores, other.Name, other.Scores)
		}
	}
}
