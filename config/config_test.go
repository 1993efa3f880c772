package config

import (
	"contralens/contrast/ft"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contralens/internal/golden"
)

// parse sets the fields of a configuration from a command line of the reference
// implementation.
func parse(t *testing.T, config any, flags []string) map[string]bool {
	t.Helper()
	set := map[string]bool{}
	all := Fields(config)
	for i := 0; i < len(flags); i++ {
		name := strings.TrimLeft(flags[i], "-")
		at := slices.IndexFunc(all, func(f Field) bool { return f.Is(name) || (len(name) == 1 && f.Short == name) })
		if at < 0 {
			t.Fatalf("no option %s", flags[i])
		}
		value := "true"
		if !all[at].IsBool() {
			i++
			value = flags[i]
		}
		if err := all[at].Set(value); err != nil {
			t.Fatal(err)
		}
		set[all[at].Name] = true
	}
	return set
}

func TestNamesGolden(t *testing.T) {
	var cases []struct {
		Program  string
		Flags    []string
		Name     string `json:"model_name"`
		Resolved map[string]any
	}
	golden.JSON(t, &cases, "schedule", "names.json")
	for _, tc := range cases {
		t.Run(tc.Program+" "+strings.Join(tc.Flags, " "), func(t *testing.T) {
			var name string
			var values map[string]string
			if tc.Program == "main_linear" {
				c := DefaultLinear()
				set := parse(t, &c, tc.Flags)
				if _, err := c.Resolve(set); err != nil {
					t.Fatal(err)
				}
				name, values = c.UpstreamName(set), Values(&c)
				// Upstream's linear keeps the command line's temperature for
				// Customize; the name says which epochs decay.
			} else {
				c := DefaultContrast()
				set := parse(t, &c, tc.Flags)
				if _, err := c.Resolve(set); err != nil {
					t.Fatal(err)
				}
				name, values = c.UpstreamName(), Values(&c)
			}
			if name != tc.Name {
				t.Errorf("name\n got %s\nwant %s", name, tc.Name)
			}
			for key, want := range tc.Resolved {
				if got, ok := values[key]; ok && got != jsonText(want) {
					t.Errorf("%s: got %s, want %s", key, got, jsonText(want))
				}
			}
		})
	}
}

func jsonText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case []any:
		return strings.ReplaceAll(strings.Trim(fmt.Sprint(v), "[]"), " ", ",")
	}
	return fmt.Sprint(v)
}

func TestFeatureTransformation(t *testing.T) {
	for flags, want := range map[string]ft.Transform{
		"--mixnorm":                      {Positive: ft.Side{Alpha: 2, Elementwise: true}, Negative: ft.Side{On: true, Alpha: 2, Elementwise: true}},
		"--mixnorm --mixnorm_target pos": {Positive: ft.Side{On: true, Alpha: 2, Elementwise: true}, Negative: ft.Side{Alpha: 2, Elementwise: true}},
		"--mixnorm --mixnorm_target posneg --sep_alpha --expolation_mask":                 {Positive: ft.Side{On: true, Alpha: 2, Extrapolate: true}, Negative: ft.Side{On: true, Alpha: 1.6}},
		"--mixnorm --mixnorm_target posneg --sep_alpha --dim_mask pos":                    {Positive: ft.Side{On: true, Alpha: 2, Elementwise: true}, Negative: ft.Side{On: true, Alpha: 1.6}},
		"--mixnorm --mixnorm_target posneg --sep_alpha --mask_distribution uniform":       {Positive: ft.Side{On: true, Uniform: true, Alpha: 2, Elementwise: true}, Negative: ft.Side{On: true, Uniform: true, Alpha: 2, Elementwise: true}},
		"--mixnorm --mixnorm_target posneg --sep_alpha --dim_mask both --postmix_norm":    {Positive: ft.Side{On: true, Alpha: 2, Elementwise: true, Normalize: true}, Negative: ft.Side{On: true, Alpha: 1.6, Elementwise: true}},
		"--mixnorm --mixnorm_target posneg --sep_alpha --postmix_norm --norm_target both": {Positive: ft.Side{On: true, Alpha: 2, Normalize: true}, Negative: ft.Side{On: true, Alpha: 1.6, Normalize: true}},
		"--ft posneg": {Positive: ft.Side{On: true, Alpha: 2, Extrapolate: true}, Negative: ft.Side{On: true, Alpha: 1.6}},
		"--ft neg":    {Positive: ft.Side{Alpha: 2}, Negative: ft.Side{On: true, Alpha: 1.6}},
		"--method SimSiam --ft pos --dim_mask pos": {Positive: ft.Side{On: true, Alpha: 2, Elementwise: true, Extrapolate: true}, Negative: ft.Side{Alpha: 1.6}},
		"--ft none":         {},
		"--norm_target neg": {},
	} {
		c := DefaultContrast()
		if _, err := c.Resolve(parse(t, &c, strings.Fields(flags))); err != nil {
			t.Errorf("%s: %v", flags, err)
		}
		if got := c.Transform(); got != want {
			t.Errorf("%s:\n got %+v\nwant %+v", flags, got, want)
		}
	}
}

func TestMistakes(t *testing.T) {
	for flags, want := range map[string]string{
		"--method MoCo3": "MoCov2_tau0.1",
		"--mixnorm --mixnorm_target neg --expolation_mask": "extrapolates positives",
		"--mixnorm --mixnorm_target all":                   "pos, neg or posneg",
		"--ft both":                                        "none, pos, neg, posneg or auto",
		"--nce_k 0":                                        "--nce_k",
		"--alpha 2":                                        "0 to 1",
		"--lr_decay_epochs 60,30":                          "rising",
		"--blur_p 1.5":                                     "--blur_p",
		"--head mlp3":                                      "2mlp_bn",
		"--nproc -2":                                       "a number of processes",
		"--dist_stall soon":                                "such as 90s, 10m or 1h",
		"--shuffle_bn all":                                 "exchange, loader, node or none",
		"--batch_size 8 --bn_splits 5":                     "two images",
		"--batch_size 8 --accum 5":                         "two images",
		"--accum 0":                                        "--accum: want 1",
		"--mix_start 3":                                    "--mix_start_epoch",
		"--method BYOL --ft neg":                           "no negatives",
		"--method BYOL --ft pos --dim_mask neg":            "--dim_mask: want pos or none",
		"--ft neg --dim_mask both":                         "--dim_mask: want neg or none",
		"--aug F":                                          "NULL",
		"--nce_m 2":                                        "--nce_m",
		"--epochs 0":                                       "--epochs",
		"--crop_min 0":                                     "--crop_min: want a number above 0",
		"--learning_rate 1e300":                            "--learning_rate: want a number of at most 3.4e38",
		"--name ../..":                                     "one folder",
		"--name .":                                         "one folder",
		"--gpu x":                                          `--gpu: want the index of a GPU, such as 0, got "x"`,
		"--gpu -1":                                         "--gpu: want the index of a GPU",
	} {
		c := DefaultContrast()
		if _, err := c.Resolve(parse(t, &c, strings.Fields(flags))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", flags, err, want)
		}
	}
}

func TestWarnings(t *testing.T) {
	for flags, want := range map[string]string{
		"--method MoCov2 -t 0.07":                "--method Customize",
		"--epochs 100":                           "milestone 120",
		"--expolation_mask --cosine":             "--ft (or --mixnorm) is missing beside --expolation_mask",
		"--method MoCo_wo_norm --cosine":         "do not have unit length",
		"--multiprocessing-distributed --cosine": "gloo",
		"--mixnorm --mixnorm_target pos --sep_alpha --dim_mask pos --cosine": "--dim_mask has an effect only",
	} {
		c := DefaultContrast()
		w, err := c.Resolve(parse(t, &c, strings.Fields(flags)))
		if err != nil || !strings.Contains(strings.Join(w, "\n"), want) {
			t.Errorf("%s: %v, warnings %q, want one with %q", flags, err, w, want)
		}
	}
	c := DefaultContrast()
	if w, err := c.Resolve(parse(t, &c, strings.Fields("--ft pos --dim_mask pos --cosine"))); err != nil || len(w) > 0 {
		t.Errorf("a mask of the side that is transformed: %v, warnings %q", err, w)
	}
	l := DefaultLinear()
	if w, _ := l.Resolve(nil); !strings.Contains(strings.Join(w, "\n"), "milestone 60") {
		t.Errorf("linear's defaults never decay, but warnings are %q", w)
	}
	for line, want := range map[string]string{
		"":                         "--batch_size 64 --learning_rate 7.5 --lr_decay_epochs 36,48;",
		"--epochs 10":              "--batch_size 64 --learning_rate 7.5 --lr_decay_epochs 6,8;",
		"--batch_size 256":         "--learning_rate 30 --lr_decay_epochs 36,48;",
		"--cosine":                 "--batch_size 64 --learning_rate 7.5;",
		"--method MoCov2":          "",
		"--cached --solver lbfgs":  "",
		"--rank 0 --world-size 1":  "",
		"--cached --lr_sweep 1,10": "--batch_size 64 --lr_decay_epochs 36,48;",
	} {
		l := DefaultLinear()
		set := parse(t, &l, strings.Fields(line))
		notes := strings.Join(l.Suit(set), "\n")
		if (notes == "") != (want == "") || !strings.Contains(notes, want) {
			t.Errorf("linear %s: chosen %q, want %q", line, notes, want)
		}
		if w, err := l.Resolve(set); err != nil || want != "" && len(w) > 0 {
			t.Errorf("linear %s warns of its own choice: %q, %v", line, w, err)
		}
	}
}

func TestYAML(t *testing.T) {
	c := DefaultContrast()
	parse(t, &c, strings.Fields("--method MoCov2 --epochs 3 --blur_p 0 --cosine --lr_decay_epochs 1,2"))
	path := filepath.Join(t.TempDir(), "run.yaml")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(YAML(&c))
	d := DefaultContrast()
	if _, err := ReadYAML(path, &d); err != nil {
		t.Fatal(err)
	}
	if YAML(&d) != YAML(&c) {
		t.Errorf("got\n%s\nwant\n%s", YAML(&d), YAML(&c))
	}
	write("epochs: 7\nlr_decay_epochs: [3, 5]\nworld_size: 1\n")
	if _, err := ReadYAML(path, &d); err != nil || d.Epochs != 7 || fmt.Sprint(d.Milestones) != "[3 5]" || d.WorldSize != 1 {
		t.Errorf("%v: %+v", err, d)
	}
	write("lr_decay_epochs: []\n")
	if _, err := ReadYAML(path, &d); err != nil || len(d.Milestones) != 0 || !strings.Contains(YAML(&d), "lr_decay_epochs: \"\"\n") {
		t.Errorf("no milestones: %v: %v", err, d.Milestones)
	}
	for text, want := range map[string]string{
		"epoch: 3": `"epochs"`, "epochs: many": "whole number", "- a": "YAML",
		"epochs: 3\n---\nepochs: 4\n":    "line 2 begins a second document",
		"warm-steps: 3\nwarm_steps: 4\n": "warm-steps and warm_steps are the same option",
	} {
		write(text)
		if _, err := ReadYAML(path, &d); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %s", text, err, want)
		}
	}
}

// bench step notes the options that it does not read, makes enough epochs for its steps, and
// transforms features from the first step on.
func TestBenchStep(t *testing.T) {
	c := DefaultBenchStep()
	if warnings, err := c.Resolve(nil); err != nil || len(warnings) > 0 {
		t.Errorf("as it stands: %v, %q", err, warnings)
	}
	c = DefaultBenchStep()
	c.Resume, c.Init, c.KNNEvery, c.Probe, c.Dataset = "auto", "weights.pth", 5, 10, "cifar10"
	c.Epochs, c.MixEpoch, c.MixStep, c.MixStart = 1, 2, 100, "auto"
	warnings, err := c.Resolve(nil)
	if err != nil || len(warnings) != 5 {
		t.Errorf("%v, %d notes: %q", err, len(warnings), warnings)
	}
	for i, option := range []string{"--resume", "--init", "--knn_every", "--probe", "--dataset"} {
		if i < len(warnings) && !strings.HasPrefix(warnings[i], option+" is not ") {
			t.Errorf("note %q, want one about %s", warnings[i], option)
		}
	}
	if c.Epochs < c.Warmup+c.Steps || c.MixEpoch != 0 || c.MixStep != 0 || c.MixStart != "" || !c.Transform().Positive.On {
		t.Errorf("%+v", c)
	}
}
