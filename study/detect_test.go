package study

import (
	"slices"
	"strings"
	"testing"
	"time"

	"contralens/study/jobs"
)

const detecting = `recipe: own-folder
options: {data_folder: photos, width: 0.5, threads: 1}
arms:
  none: {untrained: true}
  own: {}
  other: {data_folder: elsewhere}
seeds: 2
evaluations:
  knn: {}
  detect: {config: bccd, iterations: 7, lr_decay_iterations: [5]}
`

// A detector takes the recipe's options, then those of the training's network and machine, then its
// own; its images lie in the folder that the arms share, not in that of an arm.
func TestDetection(t *testing.T) {
	s := parse(t, detecting)
	if got := s.Measures(); !slices.Equal(got, []string{"knn", "AP", "AP50", "AP75"}) || !s.Detects() {
		t.Fatalf("measures %q", got)
	}
	if !s.Arms[0].Untrained || s.Arms[1].Untrained {
		t.Errorf("arms %+v", s.Arms)
	}
	for folder, want := range map[string]string{"": "photos", "annotated": "annotated"} {
		s.SetFolder(folder)
		c, _, err := s.Contrast(2, Option{Name: "seed", Value: "4"})
		if err != nil || c.DataFolder != "elsewhere" {
			t.Fatalf("%v: %s", err, c.DataFolder)
		}
		d, set, err := s.Detection(c, s.Evaluations[1])
		if err != nil {
			t.Fatal(err)
		}
		if d.DataFolder != want || d.Detector != "fpn" || d.Arch != "resnet18" || d.Width != 0.5 || d.Iterations != 7 ||
			!slices.Equal(d.Steps, []int{5}) || d.Seed != 4 || d.Threads != 1 || d.BatchSize != 4 {
			t.Errorf("want the photos in %s, got %+v", want, d)
		}
		if !set["iterations"] || set["detector"] || set["arch"] {
			t.Errorf("set: %v", set)
		}
		line := strings.Join(DetectionCommand(d), " ")
		if !strings.HasPrefix(line, "contralens detect train --") || !strings.Contains(line, "--iterations=7") {
			t.Error(line)
		}
	}
	masks := parse(t, strings.Replace(detecting, "{config: bccd,", "{config: bccd, masks: true,", 1))
	if got := masks.Measures(); len(got) != 7 || got[4] != "mask_AP" {
		t.Errorf("measures %q", got)
	}
}

// Every mistake about detectors is a sentence with its line.
func TestDetectionMistakes(t *testing.T) {
	for _, c := range []struct{ old, by, want string }{
		{"untrained: true", "untrained: maybe", `line 4: untrained: want true or false, got "maybe"`},
		{"config: bccd", "config: bcd", "line 10: evaluations: detect: config bcd: there is no file and no recipe of that name"},
		{"iterations: 7", "iterations: many", "line 10: evaluations: detect: iterations: want a whole number"},
		{"iterations: 7", "iteration: 7", `line 10: evaluations: detect: there is no option "iteration"; did you mean "iterations"?`},
		{"iterations: 7", "seed: 7", "line 10: evaluations: detect: seed cannot be set here: it is that of the training"},
		{"iterations: 7", "width: 1", "width cannot be set here: it is that of the training"},
		{"iterations: 7", "rois: 0", "line 10: evaluations: detect: --rois: want"},
		{"other: {", "other: {stem: cifar, ", "line 10: evaluations: detect of arm other: a detector wants an encoder with stem: imagenet"},
		{"other: {", "other: {untrained: true, ", "line 6: arm other is the same training as arm none"},
		{"untrained: true", "untrained: true, loss: dcl", "line 4: arm none: untrained: want no option but those of the network and the images, because nothing is trained; got loss"},
		{"untrained: true", "untrained: true, program: [x]", "line 4: arm none: want untrained or a program, got both"},
		{"  detect: {config: bccd, iterations: 7, lr_decay_iterations: [5]}\n", "", "line 4: arm none: untrained: want the evaluation detect"},
		{"seeds: 2\n", "seeds: 2\ntuning: {options: {alpha: [0.9, 0.99]}}\n", "line 4: arm none: untrained: want no tuning"},
		{"seeds: 2\n", "seeds: 2\ntuning: {options: {alpha: [0.9, 0.99]}, by: AP}\n", `line 8: tuning: by: want an accuracy of the evaluations (knn), got "AP"`},
	} {
		text := strings.Replace(detecting, c.old, c.by, 1)
		if c.by == "untrained: true, data_folder: elsewhere" || strings.HasPrefix(c.by, "other: {untrained") {
			text = strings.Replace(text, "data_folder: elsewhere", "", 1)
		}
		if text == detecting {
			t.Fatalf("the study has no %q", c.old)
		}
		_, err := Parse("study.yaml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s → %s:\n got %v\nwant %s", c.old, c.by, err, c.want)
		}
	}
}

// The time left is that of trainings, arm by arm, and that of the detectors, which is the same for all
// arms. It is unknown until a detector is trained.
func TestDetectionLeft(t *testing.T) {
	s := parse(t, detecting)
	pace := Pace{Images: func(c Cell) float64 { return map[bool]float64{true: 0, false: 100}[s.Arms[c.Arm].Untrained] },
		Measured: map[int]float64{1: 2, 2: 3}}
	done := map[string]jobs.Outcome{}
	if left, known := s.Left(pace, done); known {
		t.Errorf("%v is known before any detector is trained", left)
	}
	done["none_seed-1"] = jobs.Outcome{Seconds: 12, Detecting: 10}
	if left, known := s.Left(pace, done); !known || left != (2*200+2*300+5*10)*time.Second {
		t.Errorf("%v %v", left, known)
	}
	done["own_seed-1"] = jobs.Outcome{Seconds: 120, Detecting: 20, Images: 100}
	if left, known := s.Left(pace, done); !known || left != (100+2*300+4*15)*time.Second {
		t.Errorf("%v %v", left, known)
	}
}

// The report has the precisions, pairs them by seed, and names no training for an arm that has none.
func TestDetectionReport(t *testing.T) {
	s := parse(t, detecting)
	_, done := play(s, func(c Cell) jobs.Outcome {
		v := 40 + float64(c.Arm) + float64(c.Seed)
		o := jobs.Outcome{Scores: map[string]float64{"AP": v, "AP50": v + 1, "AP75": v + 2}}
		if c.Arm > 0 {
			o.Scores["knn"] = v
		}
		return o
	})
	r := s.Report("out", done)
	ap := r.Arms[2].Measures["AP50"]
	if ap.Mean != 44.5 || ap.Difference.N != 2 || ap.Difference.Mean != 2 {
		t.Errorf("%+v", ap)
	}
	var text strings.Builder
	if err := r.Markdown(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| AP50 of boxes |", "Accuracies and average precisions in percent.", "| none | untrained |"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("want %q in\n%s", want, text.String())
		}
	}
	for _, c := range s.Report("out", nil).Cells {
		if trained := len(c.Commands) > 0; trained != (c.Arm != "none") {
			t.Errorf("%s: commands %q", c.Name, c.Commands)
		}
	}
}
