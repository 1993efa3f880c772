package main

import (
	"regexp"
	"strings"
	"testing"
)

// Supervised training learns its images, goes on after its end, and leaves an
// encoder that other commands read.
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
