package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"contralens/checkpoint"
	"contralens/rundir"
)

// pretrained trains a small encoder and returns a folder of images for it. It changes to a
// new working directory.
func pretrained(t *testing.T) (images string) {
	t.Helper()
	images = stripes(t, 12)
	t.Chdir(t.TempDir())
	must(t, small(images, "--epochs", "1", "--name", "pre")...)
	return images
}

func linearArgs(images, name string, more ...string) []string {
	return append([]string{"linear", "--ckpt", "save/pre/current.pth", "--data_folder", images, "--epochs", "12", "--learning_rate", "1", "--cosine", "--batch_size", "8", "--name", name, "--print_freq", "1"}, more...)
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func results(t *testing.T, dir string) []rundir.Result {
	t.Helper()
	r, err := rundir.ReadResults(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A probe that Ctrl-C stops in the middle of an epoch exits with its own code. Resumed, it
// ends bit for bit like one that was not stopped.
func TestInterruptedProbeGoesOnExactly(t *testing.T) {
	images := pretrained(t)
	// So many epochs that the signal arrives in time on one busy processor too.
	many := []string{"--epochs", "100"}
	must(t, linearArgs(images, "whole", many...)...)

	// A signal that comes after the run must not end the tests.
	late := make(chan os.Signal, 1)
	signal.Notify(late, os.Interrupt)
	defer signal.Stop(late)
	ended, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			if b, _ := os.ReadFile("save/parts/log.txt"); bytes.Contains(b, []byte("epoch 3/100 step 1/")) {
				syscall.Kill(os.Getpid(), syscall.SIGINT)
				return
			}
			select {
			case <-ended:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	code, text := command(t, linearArgs(images, "parts", many...)...)
	close(ended)
	<-stopped
	if code != exitStopped || !strings.Contains(text, "--resume auto") {
		t.Fatalf("exit code %d, want %d\n%s", code, exitStopped, text)
	}
	if text := must(t, linearArgs(images, "parts", append(many, "--resume", "auto")...)...); !strings.Contains(text, "resuming save/parts/") {
		t.Errorf("resuming printed\n%s", text)
	}
	whole, err := checkpoint.Read("save/whole/current.pth")
	if err != nil {
		t.Fatal(err)
	}
	parts, err := checkpoint.Read("save/parts/current.pth")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"classifier", "optimizer"} {
		if a, b := tensors(whole.Get(key)), tensors(parts.Get(key)); len(a) == 0 || !bytes.Equal(a, b) {
			t.Errorf("%s differs (%d bytes)", key, len(a))
		}
	}
	if isFile("save/parts/interrupted.pth") {
		t.Error("interrupted.pth is still there")
	}
	// The curves of the epochs before the stop, and the rest after it, in two files.
	paths, err := filepath.Glob("tb/parts/events.out.tfevents.*")
	if err != nil || len(paths) != 2 {
		t.Fatalf("event files %v, %v", paths, err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, tag := range []string{"train_acc", "train_acc5", "train_loss", "test_acc", "test_acc5", "test_loss"} {
			if !bytes.Contains(b, []byte("lr_1.000/"+tag)) {
				t.Errorf("%s has no lr_1.000/%s", path, tag)
			}
		}
	}
	// Both are the same result but for name and time.
	if a, b := results(t, "save/whole")[0], results(t, "save/parts")[0]; a.Metrics["top1"] != b.Metrics["top1"] || a.Group != b.Group {
		t.Errorf("results %v and %v", a, b)
	}
}

// From a checkpoint to every kind of result, to predictions and to the table.
func TestJudgingAnEncoder(t *testing.T) {
	images := pretrained(t)
	must(t, "knn", "--ckpt", "save/pre/current.pth", "--data_folder", images, "-K", "5")
	for _, seed := range []string{"0", "1"} {
		text := must(t, linearArgs(images, "sweep_seed-"+seed, "--cached", "--lr_sweep", "0.01,3", "--seed", seed, "--json")...)
		if !strings.Contains(text, "held-out training images") || !strings.Contains(text, `"protocol":"linear-cached"`) {
			t.Errorf("a sweep printed\n%s", text)
		}
	}
	must(t, "linear", "--ckpt", "save/pre/current.pth", "--data_folder", images, "--name", "lbfgs", "--cached", "--solver", "lbfgs")
	must(t, "linear", "--ckpt", "save/pre/current.pth", "--data_folder", images, "--name", "few", "--cached", "--solver", "lbfgs", "--few_shot", "2", "--draws", "3")
	must(t, "finetune", "--ckpt", "save/pre/current.pth", "--data_folder", images, "--name", "tuned", "--epochs", "2", "--cosine", "--batch_size", "8",
		"--label_fraction", "0.5", "--layer_decay", "0.7", "--classifier_lr", "0.5", "--last_stages", "2", "--crt_epochs", "2", "--tau", "0.5", "--aug_linear", "RA")

	for dir, protocols := range map[string][]string{"pre": {"knn"}, "sweep_seed-1": {"linear-cached"}, "lbfgs": {"linear-lbfgs"}, "few": {"few-shot-2"}, "tuned": {"finetune", "crt"}} {
		for i, r := range results(t, filepath.Join("save", dir)) {
			if top1, ok := r.Metrics["top1"].(float64); r.Protocol != protocols[i] || !ok || top1 < 0 || top1 > 100 || len(r.CheckpointSHA256) != 64 || r.Epoch != 1 || r.Time == "" {
				t.Errorf("%s: %+v", dir, r)
			}
		}
	}
	sweep := results(t, "save/sweep_seed-0")[0].Metrics
	if sweep["cached"] != true || sweep["learning_rate"] != 3. || sweep["top1"].(float64) < 90 || sweep["per_class"] == nil {
		t.Errorf("the sweep's metrics: %v", sweep)
	}
	list, err := os.ReadFile("save/tuned/labels_0.5_seed0.txt")
	if lines := strings.Count(string(list), "\n"); err != nil || lines != 12 || strings.Count(string(list), "\tclass 1\n") != 6 {
		t.Errorf("label list: %v\n%s", err, list)
	}

	photo := filepath.Join(images, "val", "class 1", "3.jpg")
	for _, ckpt := range []string{"sweep_seed-0/current.pth", "lbfgs/current.pth", "tuned/current.pth", "tuned/crt/current.pth"} {
		text := must(t, "predict", "--ckpt", "save/"+ckpt, "--top", "2", "--json", photo)
		var p struct {
			Image   string
			Classes []struct {
				Class       string
				Probability float64
			}
		}
		if err := json.Unmarshal([]byte(text[strings.Index(text, "{"):]), &p); err != nil || p.Image != photo || len(p.Classes) != 2 || p.Classes[0].Probability < p.Classes[1].Probability {
			t.Errorf("%s: %v\n%s", ckpt, err, text)
		} else if strings.HasPrefix(ckpt, "sweep") && p.Classes[0].Class != "class 1" {
			t.Errorf("a probe of more than 90 %% says %+v", p.Classes)
		}
	}
	photos := t.TempDir()
	if b, err := os.ReadFile(photo); err != nil || os.WriteFile(filepath.Join(photos, "b.jpg"), b, 0o644) != nil || os.WriteFile(filepath.Join(photos, "a.jpg"), b[:9], 0o644) != nil {
		t.Fatal(err)
	}
	code, text := command(t, "predict", "--ckpt", "save/lbfgs/current.pth", photos)
	if code != exitFailed || !strings.Contains(text, "b.jpg: class ") || strings.Contains(text, "a.jpg: class ") || !strings.Contains(text, "1 of 2 images could not be read") {
		t.Errorf("a broken image beside a good one: exit code %d\n%s", code, text)
	}
	if text := must(t, "report", "save"); !strings.Contains(text, "| sweep | linear-cached | folder | 1 | 2 |") || !strings.Contains(text, "±") {
		t.Errorf("report printed\n%s", text)
	}
	must(t, "report", "save", "-o", "table.html")
	if b, err := os.ReadFile("table.html"); err != nil || !bytes.Contains(b, []byte("<td>sweep</td>")) {
		t.Errorf("table.html: %v\n%s", err, b)
	}
	must(t, "report", "save/pre", "save/lbfgs", "-o", "page.html")
	if b, err := os.ReadFile("page.html"); err != nil || !bytes.Contains(b, []byte("contralens/app.js")) {
		t.Errorf("page.html is not the page of two runs: %v\n%.300s", err, b)
	}
	must(t, "report", "save/lbfgs", "-o", "one.html", "--format", "html")
	if b, err := os.ReadFile("one.html"); err != nil || !bytes.Contains(b, []byte("<td>lbfgs</td>")) {
		t.Errorf("one.html is not a table: %v\n%.300s", err, b)
	}
	// The encoder of the probes changes under them.
	must(t, small(images, "--epochs", "1", "--name", "pre", "--overwrite", "--alpha", "0.5")...)
	if code, text := command(t, "predict", "--ckpt", "save/lbfgs/current.pth", photo); code != exitFailed || !strings.Contains(text, "has changed") {
		t.Errorf("a changed encoder: exit code %d\n%s", code, text)
	}
}

// A long tail keeps its profile, and results have many, medium and few.
func TestLongTailedProbe(t *testing.T) {
	images := pretrained(t)
	must(t, linearArgs(images, "tail", "--imbalance", "6", "--sampling", "class", "--tau", "1", "--epochs", "2")...)
	m := results(t, "save/tail")[0].Metrics
	if m["train_images"] != 14. || m["few"] == nil || m["many"] != nil || m["tau_normalized"].(map[string]any)["few"] == nil {
		t.Errorf("metrics %v", m)
	}
}

// iNaturalist's layout from its annotation files to a result.
func TestProbeOnAnnotations(t *testing.T) {
	images := pretrained(t)
	categories := `"categories": [{"id": 4, "name": "Linea"}, {"id": 8, "name": "Columna"}]`
	for split, name := range map[string]string{"train": "train2018.json", "val": "val2018.json"} {
		var list, labels []string
		for class := range 2 {
			for i := range 12 {
				id := 100*class + i
				list = append(list, fmt.Sprintf(`{"id": %d, "file_name": "%s/class %d/%d.jpg"}`, id, split, class, i))
				labels = append(labels, fmt.Sprintf(`{"image_id": %d, "category_id": %d}`, id, 4+4*class))
			}
		}
		text := fmt.Sprintf(`{"images": [%s], "annotations": [%s], %s}`, strings.Join(list, ","), strings.Join(labels, ","), categories)
		if err := os.WriteFile(filepath.Join(images, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text := must(t, "linear", "--ckpt", "save/pre/current.pth", "--use_ema", "--dataset", "inat18", "--data_folder", images, "--name", "inat", "--cached", "--solver", "lbfgs")
	m := results(t, "save/inat")[0]
	if per := m.Metrics["per_class"].(map[string]any); m.Dataset != "inat18" || per["Linea"] == nil || per["Columna"] == nil {
		t.Errorf("%+v\n%s", m, text)
	}
}

func TestJudgingMistakes(t *testing.T) {
	images := pretrained(t)
	for line, want := range map[string]string{
		"linear --n_class 1 --data_folder IMAGES":                               "has 2 classes",
		"linear --n_class 0":                                                    "--n_class",
		"linear --data_folder IMAGES --ckpt nowhere.pth":                        "nowhere.pth",
		"linear --cached --aug_linear RA":                                       "--aug_linear",
		"linear --solver lbfgs":                                                 "--cached",
		"linear --solver adam":                                                  "lbfgs",
		"linear --cached --solver lbfgs --lr_sweep 1,2":                         "no learning rate",
		"linear --cached --solver lbfgs --epochs 3":                             "--solver lbfgs: want none of",
		"linear --cached --lr_sweep 1,-2":                                       "above 0",
		"linear --tau -1":                                                       "--tau",
		"linear --imbalance 0.1":                                                "--imbalance",
		"linear --dataset inat18 --data_folder IMAGES":                          "train2018.json",
		"finetune --last_stages 6":                                              "1 to 5",
		"finetune --layer_decay 0":                                              "--layer_decay",
		"finetune --label_fraction 2":                                           "--label_fraction",
		"finetune --ckpt save/pre/current.pth --data_folder IMAGES --n_class 1": "has 2 classes",
		"predict a.jpg":                                                         "--ckpt",
		"predict --ckpt save/pre/current.pth":                                   "want images",
		"predict --ckpt save/pre/current.pth nowhere.jpg":                       "nowhere.jpg",
		"predict --ckpt save/pre/current.pth IMAGES":                            "want a classifier",
		"report":                   "want a directory with runs, got 0 arguments",
		"judge":                    "want a run directory, or a directory with runs, got 0 arguments",
		"judge . --format xlsx":    "--format: want markdown, csv, json, got \"xlsx\"",
		"judge . -o judge.xyz":     "--out: want a name that ends in .md, .csv, .json, .png, .svg or .pdf, or --format, got \"judge.xyz\"",
		"report nowhere":           "no directory",
		"report save":              "found none",
		"report save --format pdf": "markdown",
		"report save -o t.xlsx":    ".csv",
		"report a b":               "want one directory for a table",
		"report a --format page":   "want a file to write as well",
		"linear --ckpt save/pre/current.pth --data_folder IMAGES --lr_sweep 1,2,x":  "numbers separated by commas",
		"linear --ckpt save/pre/current.pth --data_folder IMAGES --resume else.pth": "else.pth",
	} {
		code, text := command(t, strings.Fields(strings.ReplaceAll(line, "IMAGES", images))...)
		if code != exitUsage && code != exitFailed || !strings.Contains(text, want) || strings.Contains(text, "goroutine") {
			t.Errorf("%s: exit code %d, want %q in\n%s", line, code, want, text)
		}
	}
	if entries, err := os.ReadDir("save"); err != nil || len(entries) != 1 {
		t.Errorf("run directories that mistakes left: %v, %v", entries, err)
	}
	if text := must(t, "linear", "--method", "MoCov2", "--ckpt", "save/pre/current.pth", "--dry-run"); !strings.Contains(text, "--learning_rate 1.88") || !strings.Contains(text, "milestone 60 is never reached") {
		t.Errorf("the defaults are run without warnings:\n%s", text)
	}
}
