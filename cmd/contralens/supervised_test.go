package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Supervised training learns its images, resumes after its end with more epochs, and writes
// an encoder that other commands read.
func TestSupervised(t *testing.T) {
	images := stripes(t, 12)
	t.Chdir(t.TempDir())
	args := []string{"supervised", "--data_folder", images, "--arch", "resnet18", "--width", "0.06", "--stem", "cifar", "--input_res", "16",
		"--batch_size", "8", "--epochs", "8", "--learning_rate", "0.05", "--cosine", "--crop", "0.8", "--name", "labels", "-j", "1"}
	text := must(t, args...)
	if !strings.Contains(text, "supervised top-1") {
		t.Errorf("supervised printed\n%s", text)
	}
	r := results(t, "save/labels")
	if len(r) != 1 || r[0].Protocol != "supervised" || r[0].Metrics["top1"].(float64) < 75 {
		t.Errorf("results %+v, want a top-1 of 75 %% at least", r)
	}
	must(t, append(args, "--resume", "auto")...)
	if text := must(t, "knn", "--ckpt", "save/labels/current.pth", "--data_folder", images, "-K", "5"); !strings.Contains(text, "top-1") {
		t.Errorf("knn printed\n%s", text)
	}
	// No more neighbors vote than there are training images.
	text = must(t, "knn", "--ckpt", "save/labels/current.pth", "--data_folder", images, "-K", "5000", "--untrained=false")
	if strings.Contains(text, "5000 neighbors") || !strings.Contains(text, " neighbors, ") {
		t.Errorf("knn -K 5000: %s", text)
	}
	if text := must(t, "inspect", "save/labels/current.pth"); !regexp.MustCompile("trained in +(fp32|bf16), channels_last, [1-9][0-9]* threads?, [1-9][0-9]* workers?\n").MatchString(text) {
		t.Errorf("inspect printed\n%s", text)
	}
	text = must(t, "predict", "--ckpt", "save/labels/current.pth", "--top", "1", images+"/val")
	right := 0
	for _, line := range strings.Split(text, "\n") {
		path, answer, _ := strings.Cut(line, ".jpg: ")
		for _, class := range []string{"class 0", "class 1"} {
			if strings.Contains(path, "/"+class+"/") && strings.HasPrefix(answer, class) {
				right++
			}
		}
	}
	if accuracy := r[0].Metrics["top1"].(float64); 100*float64(right)/24 != accuracy {
		t.Errorf("predict is right %d times of 24, where the test was right in %.2f %%:\n%s", right, accuracy, text)
	}
	for line, want := range map[string]string{
		"supervised --data_folder nowhere": "no such folder",
		"supervised --n_class -1":          "--n_class",
	} {
		if _, text := command(t, strings.Fields(line)...); !strings.Contains(text, want) {
			t.Errorf("%s: want %q in\n%s", line, want, text)
		}
	}
}

// With more than five classes, top-5 differs from top-1, and predict agrees with the test of
// the training. The learning rate falls at milestones.
func TestSupervisedTopFive(t *testing.T) {
	images := stripes(t, 6)
	t.Chdir(t.TempDir())
	for _, split := range []string{"train", "val"} {
		for class := 2; class < 8; class++ { // like one of the first two: there is no telling them apart
			from, to := filepath.Join(images, split, fmt.Sprint("class ", class%2)), filepath.Join(images, split, fmt.Sprint("class ", class))
			if err := os.CopyFS(to, os.DirFS(from)); err != nil {
				t.Fatal(err)
			}
		}
	}
	text := must(t, "supervised", "--data_folder", images, "--arch", "resnet18", "--width", "0.06", "--stem", "cifar", "--input_res", "16", "--batch_size", "16",
		"--epochs", "4", "--lr_decay_epochs", "3", "--learning_rate", "0.05", "--crop", "0.8", "--name", "labels", "-j", "1")
	r := results(t, "save/labels")[0]
	var right [6]int // among so many first answers
	for _, line := range strings.Split(must(t, "predict", "--ckpt", "save/labels/current.pth", "--top", "5", images+"/val"), "\n") {
		path, answers, _ := strings.Cut(line, ".jpg: ")
		class := filepath.Base(filepath.Dir(path))
		for i, answer := range strings.Split(answers, ", ") {
			if strings.HasPrefix(answer, class) {
				right[i+1]++
			}
		}
	}
	top1, top5 := r.Metrics["top1"].(float64), r.Metrics["top5"].(float64)
	if among := right[1] + right[2] + right[3] + right[4] + right[5]; !(top1 > 0 && top1 < top5 && top5 < 100) ||
		math.Abs(100*float64(right[1])/48-top1) > 0.01 || math.Abs(100*float64(among)/48-top5) > 0.01 {
		t.Errorf("top-1 %.2f, top-5 %.2f %%; predict has the class first, second, … %v times of 48", top1, top5, right[1:])
	}
	if !strings.Contains(text, "lr 0.05\n") || !strings.Contains(text, "lr 0.005\n") {
		t.Errorf("want a rate of 0.05 that falls to 0.005:\n%s", text)
	}
}
