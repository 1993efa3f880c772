package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/checkpoint"
)

// command runs a command line in this process and returns its exit code and its output.
func command(t *testing.T, args ...string) (int, string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = w, w
	text := make(chan string)
	go func() {
		b, _ := io.ReadAll(r)
		text <- string(b)
	}()
	code := run(args)
	os.Stdout, os.Stderr = stdout, stderr
	w.Close()
	return code, <-text
}

func must(t *testing.T, args ...string) string {
	t.Helper()
	code, text := command(t, args...)
	if code != 0 {
		t.Fatalf("contralens %s: exit code %d\n%s", strings.Join(args, " "), code, text)
	}
	return text
}

// The four command lines of the reference implementation, unchanged.
var upstreamLines = []string{
	"contrast --method MoCov2 --data_folder D --dataset imagenet --epochs 200 --input_res 224 --cosine --batch_size 256 --learning_rate 0.03 --mixnorm --mixnorm_target posneg --sep_alpha --pos_alpha 2.0 --neg_alpha 1.6 --mask_distribution beta --expolation_mask --alpha 0.999 --multiprocessing-distributed --world-size 1 --rank 0 --save_score",
	"linear --method MoCov2 --data_folder D --ckpt path/to/pretrain_model --n_class 1000 --multiprocessing-distributed --world-size 1 --rank 0 --epochs 100 --lr_decay_epochs 60,80",
	"contrast --method MoCov2 --data_folder D --dataset imagenet100 --imagenet100path imagenet100.class --epochs 200 --input_res 224 --cosine --batch_size 256 --learning_rate 0.03 --mixnorm --mixnorm_target posneg --sep_alpha --pos_alpha 2.0 --neg_alpha 1.6 --mask_distribution beta --expolation_mask --alpha 0.999 --multiprocessing-distributed --world-size 1 --rank 0 --save_score",
	"linear --method MoCov2 --data_folder D --dataset imagenet100 --imagenet100path imagenet100.class --n_class 100 --ckpt path/to/pretrain_model --multiprocessing-distributed --world-size 1 --rank 0",
}

func TestUpstreamCommandLines(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, line := range upstreamLines {
		text := must(t, append(strings.Fields(line), "--dry-run")...)
		want := []string{"head: \"mlp\"", "one process"}
		if reads := strings.HasPrefix(line, "contrast"); strings.Contains(text, "\nnce_t: 0.2\n") != reads {
			t.Errorf("%s: shows nce_t: %v, reads it: %v", line, !reads, reads)
		}
		if strings.HasPrefix(line, "contrast") {
			want = append(want, "positives extrapolated with λ = 1 + Beta(2, 2), one λ per step; negatives interpolated with λ = Beta(1.6, 1.6), one λ per step",
				"upstream name: MoCov2_resnet50_RGB_Jig_False_moco_aug_B_mlp_0.2_cosine_alpha0.999_ncet0.2_ncek65536_mixnorm_targetposneg_postnormFalse_distribeta_expolationTrue_pos2.0_neg1.6_epoch200_bs256_lr0.03")
		} else {
			want = append(want, "save/to_linear_NULL_0.2_lr30_lrdecay60-80", "upstream name: to_linear_NULL_0.2_lr30_lrdecay[60, 80]")
		}
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: want %q in\n%s", line, w, text)
			}
		}
	}
	if left, _ := filepath.Glob("*"); len(left) > 0 {
		t.Errorf("--dry-run left %v", left)
	}
}

func TestUsageErrors(t *testing.T) {
	for line, want := range map[string]string{
		"contrats":                              `no command "contrats"`,
		"contrast --epoch 3":                    "--epoch",
		"contrast --epochs many":                "whole number",
		"contrast stray":                        "stray",
		"contrast --method MoCov9":              "MoCov2",
		"contrast --method SimSiam --ft posneg": "no negatives to interpolate",
		"contrast --method Customize --mem batch --symmetric": "--mem moco",
		"contrast --method Customize --mem batch --jigsaw":    "queue or a bank",
		"contrast --method Customize --mem none --modal CMC":  "--modal RGB",
		"contrast --method PIRL --input_res 32":               "at least 64",
		"contrast --method Customize --mem disk":              "target",
		"scores plot":                                         "run directories",
		"contrast --config nowhere.yaml":                      "nowhere.yaml",
		"linear --lr_sweep 1,2":                               "--cached",
	} {
		if code, text := command(t, strings.Fields(line)...); code != exitUsage || !strings.Contains(text, want) {
			t.Errorf("%s: exit code %d, want %d with %q in\n%s", line, code, exitUsage, want, text)
		}
	}
	for line, want := range map[string]string{
		"contrast --data_folder nowhere": "no such folder",
		"knn --ckpt nowhere.pth":         "does not exist",
		"scores plot nowhere":            "does not exist",
	} {
		if code, text := command(t, strings.Fields(line)...); code != exitFailed || !strings.Contains(text, want) || strings.Contains(text, "goroutine") {
			t.Errorf("%s: exit code %d, want %d with %q in\n%s", line, code, exitFailed, want, text)
		}
	}
}

// stripes makes a dataset of two classes that a network can distinguish.
func stripes(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	for _, split := range []string{"train", "val"} {
		for class := range 2 {
			folder := filepath.Join(dir, split, fmt.Sprint("class ", class))
			if err := os.MkdirAll(folder, 0o755); err != nil {
				t.Fatal(err)
			}
			for i := range n {
				m := image.NewRGBA(image.Rect(0, 0, 20, 18))
				for y := range 18 {
					for x := range 20 {
						at := x
						if class == 1 {
							at = y
						}
						v := uint8(60 + 120*((at+i)/3%2) + i)
						m.Set(x, y, color.RGBA{v, v / 2, uint8(7 * i), 255})
					}
				}
				f, err := os.Create(filepath.Join(folder, fmt.Sprint(i, ".jpg")))
				if err == nil {
					err = jpeg.Encode(f, m, nil)
				}
				if err != nil {
					t.Fatal(err)
				}
				f.Close()
			}
		}
	}
	return dir
}

func small(data string, more ...string) []string {
	return append(strings.Fields("contrast --method MoCov2 --arch resnet18 --width 0.125 --stem cifar --input_res 16 --batch_size 8 -k 20 -d 16 --cosine --seed 3 --model_path save --print_freq 2 --data_folder "+data), more...)
}

// From a folder of images to weights, accuracies, scores and figures.
func TestFromImagesToFigures(t *testing.T) {
	data := stripes(t, 11)
	t.Chdir(t.TempDir())
	text := must(t, small(data, "--epochs", "3", "--ft", "posneg", "--mix_start_epoch", "1", "--save_score", "--knn_every", "2", "--name", "ft")...)
	for _, want := range []string{"loss at chance ln(K+1) = 3.045", "from epoch 2 on", "k-NN top-1 untrained", "k-NN top-1 after epoch 3", "queue 80 %", "FT"} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
	must(t, small(data, "--epochs", "2", "--save_score", "--name", "plain", "--amp", "--save_freq", "1")...)
	for _, path := range []string{"save/ft/run.json", "save/ft/log.txt", "save/ft/current.pth", "save/ft/results.jsonl", "save/ft/scores/score_003.npy", "save/plain/ckpt_epoch_2.pth"} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	b, err := os.ReadFile("save/ft/metrics.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	steps := 0
	for _, line := range bytes.Split(bytes.TrimSpace(b), []byte("\n")) {
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if m["loss"] != nil {
			steps++
		}
	}
	if steps != 4 { // 3 epochs of 3 steps, every second one
		t.Errorf("%d logged steps, want 4", steps)
	}

	if text = must(t, "knn", "--ckpt", "save/ft/current.pth", "--data_folder", data, "--json", "-K", "5"); !strings.Contains(text, `"top1":`) {
		t.Errorf("knn printed %s", text)
	}
	text = must(t, "linear", "--ckpt", "save/ft/current.pth", "--data_folder", data, "--n_class", "2", "--epochs", "8", "--learning_rate", "1", "--cosine", "--batch_size", "8", "--model_path", "save")
	if !strings.Contains(text, "linear top-1: ") || !strings.Contains(text, "top-2: 100.00 %") {
		t.Errorf("linear printed %s", text)
	}
	if text = must(t, "scores", "plot", "save/ft", "save/plain", "-o", "figures"); !strings.Contains(text, "figures/scores.png") || !strings.Contains(text, "files of single statistics in figures") {
		t.Errorf("scores plot printed %s", text)
	}
	text = must(t, "judge", "save")
	for _, want := range []string{"## queue", "| ft | 3 |", "| plain | 2 |", "| knn % | linear % |"} {
		if !strings.Contains(text, want) {
			t.Errorf("judge: want %q in\n%s", want, text)
		}
	}
	if code, text := command(t, "judge", "save", "-o", "judge.svg"); code != exitFailed || !strings.Contains(text, "save: want runs with accuracies for a figure, got none") {
		t.Errorf("judge -o judge.svg: exit code %d,\n%s", code, text)
	}
	if text = must(t, "scores", "export", "save/ft", "-o", "exported"); !strings.Contains(text, "exported/spectra.csv") {
		t.Errorf("scores export printed %s", text)
	}
	for _, name := range []string{"scores.png", "neg_mean.svg", "neg_var.png", "pos_mean.png", "pos_var.svg"} {
		if info, err := os.Stat(filepath.Join("figures", name)); err != nil || info.Size() < 2000 {
			t.Errorf("%s: %v", name, err)
		}
	}

	// The same directory is not trained into twice.
	if code, text := command(t, small(data, "--epochs", "3", "--name", "plain")...); code != exitFailed || !strings.Contains(text, "--overwrite") {
		t.Errorf("a second run: exit code %d\n%s", code, text)
	}
}

// tensors returns the bytes of all tensors in v.
func tensors(v any) (all []byte) {
	switch v := v.(type) {
	case checkpoint.Dict:
		for _, i := range v {
			all = append(all, tensors(i.Value)...)
		}
	case checkpoint.OrderedDict:
		return tensors(checkpoint.Dict(v))
	case *checkpoint.Tensor:
		return v.Data
	}
	return all
}

func TestReferenceIsCurrent(t *testing.T) {
	b, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(b) != reference(rootCommand()) {
		t.Error("docs/cli.md is not what `make docs` writes")
	}
}

func TestDoctor(t *testing.T) {
	text := must(t, "doctor")
	for _, want := range []string{"libtorch", "JPEG", "libjpeg-turbo ", "measurements"} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
}
