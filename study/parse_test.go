package study

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contralens/config"
)

const whole = `title: Whole
recipe: cifar10
options: {epochs: 3, knn_every: 0}
arms:
  plain: {}
  ft:
    ft: posneg
    tune: {pos_alpha: [1.6, 2.0]}
baseline: plain
seeds: [4, 7]
tuning:
  options: {learning_rate: [0.03, 0.06], alpha: [0.9, 0.99]}
  trials: 4
  search: halving
  epochs: [1, 2]
evaluations:
  knn: {neighbors: 20}
  linear: {l2: 1.0e-3}
  fewshot: {labels: [1, 10], draws: 3}
`

func parse(t *testing.T, text string) *Study {
	t.Helper()
	s, err := Parse("study.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestParse(t *testing.T) {
	s := parse(t, whole)
	if s.Title != "Whole" || s.Recipe != "cifar10" || len(s.Arms) != 2 || s.Baseline != 0 || !slices.Equal(s.Seeds, []uint64{4, 7}) {
		t.Errorf("got %+v", s)
	}
	if got := s.Measures(); !slices.Equal(got, []string{"knn", "linear", "few-shot-1", "few-shot-10"}) {
		t.Errorf("measures %v", got)
	}
	c, _, err := s.Contrast(1, s.Arms[1].settings[0]...)
	if err != nil || c.Epochs != 3 || c.FT != "posneg" || c.Arch != "resnet18" || c.Width != 0.25 || c.Probe != 0 {
		t.Errorf("%v: %+v", err, c)
	}
	e := s.Evaluations
	c.CacheDir, c.DecodeStrict = "kept", true // the images are those of the training in every way
	k, _, err := s.KNN(c, e[0])
	if err != nil || k.Neighbors != 20 || k.Dataset != "cifar10" || k.CacheDir != "kept" || !k.DecodeStrict {
		t.Errorf("%v: %+v", err, k)
	}
	l, _, err := s.Linear(c, e[3])
	if err != nil || !l.Cached || l.Solver != "lbfgs" || l.FewShot != 10 || l.Draws != 3 {
		t.Errorf("%v: %+v", err, l)
	}
	if l, _, err = s.Linear(c, e[1]); err != nil || l.FewShot != 0 || l.L2 != 1e-3 {
		t.Errorf("%v: %+v", err, l)
	}
	// An alias stands for what it names, be it a list.
	s = parse(t, "seeds: &n 2\noptions: {epochs: *n}\ngrid: {alpha: &a [0.9, 0.99], weight_decay: *a}\n")
	if v := s.Arms[1].Options[1].Value; len(s.Arms) != 4 || v != "0.99" || s.Options[0].Value != "2" {
		t.Errorf("got %+v", s)
	}
	// A number of seeds, and a grid.
	s = parse(t, "seeds: 3\ngrid: {method: [MoCo, MoCov2], alpha: [0.9, 0.99]}\n")
	if !slices.Equal(s.Seeds, []uint64{1, 2, 3}) || len(s.Arms) != 4 || s.Arms[1].Name != "method=MoCo alpha=0.99" || !slices.Equal(s.Measures(), []string{"knn"}) {
		t.Errorf("got %+v", s)
	}
}

// Every mistake is a sentence with its line.
func TestMistakes(t *testing.T) {
	replace := func(old, by string) string {
		if !strings.Contains(whole, old) {
			t.Fatalf("the study has no %q", old)
		}
		return strings.Replace(whole, old, by, 1)
	}
	for _, c := range []struct{ text, want string }{
		{"", "got an empty file"},
		{"- a\n", "line 1: a study: want names with values"},
		{strings.Repeat("x", 100) + "\n", `got "` + strings.Repeat("x", 60) + `" and 40 more characters`},
		{"arms: {a: {}\n", "want YAML"},
		{replace("title: Whole", "titel: Whole"), `line 1: a study has no key "titel"; did you mean "title"?`},
		{replace("recipe: cifar10", "recipe: cifar11"), "line 2: recipe cifar11: there is no file and no recipe of that name; did you mean cifar10?"},
		{replace("epochs: 3,", "epoch: 3,"), `line 3: options: contrast has no option "epoch"; did you mean "epochs"?`},
		{replace("epochs: 3,", "epochs: many,"), "line 3: epochs: want a whole number"},
		{replace("epochs: 3,", "epochs: 3, nproc: 2,"), "line 3: options: nproc cannot be set here: each training of a study has one process"},
		{replace("neighbors: 20", "json: true"), `there is no option "json"`},
		{replace("neighbors: 20", "nproc: 2"), "nproc cannot be set here: each training of a study has one process"},
		{replace("title: Whole", "title: [a, b]"), "line 1: title: want text, got a list"},
		{replace("recipe: cifar10", "recipe: ft-cifar10"), "recipe ft-cifar10: want the options of one training, got a study"},
		{replace("epochs: 3,", "seed: 3,"), "line 3: options: seed cannot be set here: seeds are a key"},
		{replace("epochs: 3,", "feature_mix: true,"), "line 3: options: contrast accepts feature_mix and does not read it"},
		{replace("ft: posneg", "fft: posneg"), `line 7: arm ft: contrast has no option "fft"`},
		{replace("ft: posneg", "ft: both"), "line 6: arm ft: with"},
		{replace("ft: posneg", "ft: [[a]]"), "line 7: ft: want a value, got a list"},
		{replace("plain: {}\n", "plain: {}\n  plain: {ft: pos}\n"), `line 6: arms: "plain" is there twice`},
		{replace("plain: {}\n", "plain: {}\n  other: {ft: none}\n"), "line 6: arm other is the same training as arm plain"},
		{replace("plain: {}\n", "plain: {}\n  other: {num_workers: 3}\n"), "line 6: arm other is the same training as arm plain"},
		{replace("plain: {}\n", "a b: {ft: pos}\n  a-b: {ft: neg}\n  plain: {}\n"), "have folders of the same name"},
		{replace("baseline: plain", "baseline: plane"), `line 9: baseline: want the name of an arm (plain, ft), got "plane"`},
		{replace("seeds: [4, 7]", "seeds: [4, 4]"), "line 10: seeds: seed 4 is there twice"},
		{replace("seeds: [4, 7]", "seeds: [4, x]"), "line 10: seeds: want whole numbers"},
		{replace("seeds: [4, 7]", "seeds: 0"), "line 10: seeds: want 1 to"},
		{replace("seeds: [4, 7]\n", ""), "found none"},
		{"seeds: 2\n", "a study has arms, or a grid"},
		{"seeds: 2\narms: {a: {}}\ngrid: {alpha: [1]}\n", "line 3: want arms or a grid, got both"},
		{"seeds: 2\ngrid: {alpha: []}\n", "line 2: alpha: want values to try"},
		{"seeds: 2\ngrid: {alpha: [0.9, 0.90]}\n", "is the same training as"},
		{replace("trials: 4", "trials: 5"), "line 5: arm plain: want at least 5 settings, because tuning has trials: 5, got 4"},
		{replace("  trials: 4\n", ""), "line 6: the tuning budgets of arms cannot be equal: plain has 4 settings and ft has 8; give trials: 4"},
		{replace("ft: posneg", "ft: posneg\n    limit: 100"), "line 6: the tuning budgets of arms cannot be equal: plain trains the same epochs on images of ./data (limit 0"},
		{replace("learning_rate: [0.03, 0.06]", "nce_t: [0.1, 0.2]"), "are the same training: want values that differ and have an effect; the method MoCov2 sets nce_t: use method: Customize"},
		{replace("learning_rate: [0.03, 0.06]", "learning_rate: [0.03, 0.030]"), "and learning_rate 0.030, alpha 0.9 are the same training: want values that differ and have an effect"},
		{whole + "---\ntitle: More\n", "line 20 begins a second document"},
		{whole + "...\nmore\n", "want YAML"},
		{replace("plain: {}", `"a\nb": {}`), `line 5: arms: want a name on one line, got "a\nb"`},
		{replace("plain: {}", `"": {}`), `line 5: arms: want a name, got ""`},
		{replace("plain: {}", "[a]: {}"), "line 5: arms: want a name, got a list"},
		{replace("baseline: plain\n", "  "+strings.Repeat("x", 300)+": {ft: pos}\n"), "want a name of at most 180 bytes, because it names folders, got 300"},
		{replace("baseline: plain\n", "  ft_try-2: {ft: pos}\n"), "arms ft and ft_try-2 have folders of the same name"},
		{replace("plain: {}", "plain: &p {}\n  more: {<<: *p, ft: pos}"), "line 6: arm more: want names with values, got the merge key"},
		{replace("plain: {}", "plain: {weight_decay: 1, weight-decay: 2}"), "line 5: arm plain: weight_decay and weight-decay are the same option"},
		{replace("plain: {}", "plain: {alpha: 0.5}"), "line 5: arm plain: alpha is set by the arm and tuned, which would replace it"},
		{replace("plain: {}", "plain: {program: ' '}"), "line 5: arm plain: program: want a command line"},
		{replace("plain: {}", `plain: {program: ["{dir}/{width}{bogus}"]}`), "want {dir} or an option of contrast such as {epochs} in braces, got {bogus}"},
		{"seeds: 1\ngrid: {}\n", "line 2: grid: want options with values to try"},
		{"seeds: 1\ngrid: {alpha: [" + strings.Repeat("0,", 2000) + "]}\n", "line 2: grid: want at most 1000 combinations"},
		{replace("trials: 4", "trials: [3, 4]"), "trials: want one number, got 2"},
		{"seeds: 1\narms:\n  a: {program: [x, \"{alpha}\", \"{split}\"]}\ntuning: {options: {alpha: [0.9, 0.99]}, seeds: [1001, 1002]}\n", "line 3: arm a: program: want {seed} in its command line, because the study has several seeds"},
		{"seeds: 1\narms: {a: {}}\ntuning: {options: {alpha: 0.9}}\n", "line 3: tuning: want at least two settings to choose from, got 1 for arm a"},
		{"seeds: 1\narms: {a: {}}\nevaluations: {scores: {}}\ntuning: {options: {alpha: [0.9, 0.99]}}\n", "want an accuracy among the evaluations, such as knn"},
		{"seeds: 1\narms: {a: {}, b: {ft: pos, record: false, save_score: false}}\nevaluations: {scores: {}}\n", "line 3: evaluations: scores of arm b: want record: true"},
		{replace("tune: {pos_alpha", "tune: {alpha"), "line 8: arm ft: alpha is tuned twice"},
		{replace("search: halving", "search: random"), `tuning: search: want grid or halving, got "random"`},
		{replace("  epochs: [1, 2]", "  epochs: [2, 1]"), "want epochs in rising order"},
		{replace("  epochs: [1, 2]", "  epochs: [2]"), "halving wants the epochs of at least two rounds"},
		{replace("search: halving", "search: grid"), "a grid has one round"},
		{replace("alpha: [0.9, 0.99]}", "epochs: [1, 2]}"), "line 12: tuning: epochs cannot be tuned, because all trainings of tuning have the same budget"},
		{replace("trials: 4", "seeds: [1001, 7]"), "line 11: tuning: want seeds of its own, but 7 is one of the seeds of the results"},
		{replace("plain: {}", "plain: {tune: {dclw_sigma: [0.5, 1]}}"), "line 5: arm plain: tuning dclw_sigma has an effect only with --loss dclw: remove it"},
		{replace("plain: {}", "plain: {tune: {neg_alpha: [0.5, 1]}}"), "line 5: arm plain: tuning neg_alpha has an effect only with --ft: remove it"},
		{replace("ft: posneg\n", "ft: posneg\n    mix_start_epoch: -2\n"), "--mix_start_epoch: want a whole number of at least 0, got -2"},
		{replace("  linear: {l2", "\tlinear: {l2"), "; line 18 is indented with a tab, where YAML wants spaces"},
		{replace("trials: 4", "trials: 3"), "line 11: tuning: epochs: the round of 2 epochs would have 1 setting, to cost no more than that of 1 epoch with 3: want at least two to choose from; give more settings, or a shorter round"},
		{replace("ft: posneg\n", "ft: posneg\n    mix_start_epoch: 1\n"), "line 12: tuning: epochs: arm ft would be tuned without what it tests: a round has 1 epoch, and the transformation starts after 1 (--mix_start_epoch); give more epochs, or an earlier start"},
		{replace("plain: {}", "plain: {}\n  synco: {synthetic: synco, synthetic_start_epoch: 2}"), "line 12: tuning: epochs: arm synco would be tuned without what it tests: a round has 1 epoch, and synthetic negatives start after 2"},
		{replace("plain: {}", "plain: {}\n  more: {ft: pos, mix_start_epoch: 3}"), "line 6: arm more is the same training as arm plain: want arms that differ in an option that has an effect; the training has 3 epochs, and the transformation starts after 3 (--mix_start_epoch)"},
		{replace("plain: {}", "plain: {program: [x, \"{dir}\", \"{alpha}\", \"{learning_rate}\"]}"), "line 5: arm plain: program: want {seed} in its command line, because the study has several seeds"},
		{replace("plain: {}", "plain: {nce_t: 0.1, program: [x, \"{seed}\", \"{alpha}\", \"{learning_rate}\"]}"), "line 5: arm plain: program: want {nce_t} in its command line: otherwise the program does not know the option"},
		{replace("plain: {}", "plain: {program: [x, \"{seed}\", \"{alpha}\", \"{learning_rate}\", \"{epochs}\"]}"), "line 5: arm plain: program: want {split} in its command line, because tuning is judged on a tenth of the training images"},
		{replace("plain: {}", "plain: {program: [x, \"{seed}\", \"{alpha}\", \"{learning_rate}\", \"{split}\"]}"), "line 5: arm plain: program: want {epochs} in its command line, because rounds of tuning"},
		{replace("plain: {}", "plain: {program: [x, \"{seed}\", \"{alpha}\", \"{split}\", \"{epochs}\"]}"), "line 5: arm plain: program: want {learning_rate} in its command line, because it is tuned"},
		{replace("plain: {}", "plain: {nce_t: 0.1}"), "line 5: arm plain: --nce_t 0.1 is overridden by MoCov2's 0.2"},
		{replace("trials: 4", "by: linear-probe"), "tuning: by: want an accuracy of the evaluations (knn, linear, few-shot-1, few-shot-10)"},
		{replace("neighbors: 20", "neighbours_: 20"), "evaluations: knn of arm plain: there is no option"},
		{replace("neighbors: 20", "neighbors: 0"), "evaluations: knn of arm plain: --neighbors: want a number above 0"},
		{replace("neighbors: 20", "seed: 20"), "seed cannot be set here"},
		{replace("labels: [1, 10], ", ""), "line 19: fewshot: want labels"},
		{replace("labels: [1, 10]", "labels: [1, 1]"), "few-shot-1 is there twice"},
		{replace("  knn: {neighbors: 20}", "  scores: {}"), "want an accuracy of the evaluations (linear"},
		{replace("  linear: {l2: 1.0e-3}", "  scores: {of: pos}"), "line 18: scores has no options, got of"},
		{strings.Replace(replace("  linear: {l2: 1.0e-3}", "  scores: {}"), "epochs: 3,", "epochs: 3, record: false, save_score: false,", 1), "evaluations: scores of arm plain: want record: true"},
		{replace("linear: {", "lineal: {"), `did you mean "linear"?`},
		{"seeds: 1\narms: {a: {ft: neg, tune: {neg_alpha: [1, 2]}}, b: {ft: neg, tune: {neg_alpha: [2, 1]}}}\ntuning: {options: {learning_rate: [0.1, 0.2]}}\n", "arm b is the same training as arm a"},
		{"seeds: 1\narms: {a: {loss: hcl}, b: {loss: hcl, dclw_sigma: 0.7}}\n", "arm b is the same training as arm a"},
		{"seeds: 1\narms: {a: {ft: auto}, b: {ft: auto, pos_alpha: 3}}\n", "arm b is the same training as arm a"},
		{"seeds: 1\narms: {a: {tune: {alpha: [0.9]}}}\n", "line 2: arm a: tune needs the key tuning"},
	} {
		_, err := Parse("study.yaml", []byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "study.yaml") {
			t.Errorf("want %q, got %v", c.want, err)
		}
	}
}

// A recipe cannot set what a study sets, unless every training has a value of its own for it.
func TestRecipeOfStudy(t *testing.T) {
	recipe := filepath.Join(t.TempDir(), "mine.yaml")
	for text, want := range map[string]string{
		"split: validation": "recipe " + recipe + ": want one without split: tuning is judged on a validation split",
		"overwrite: true":   "want one without overwrite", "resume: a.pth": "want one without resume",
		"split: test\noverwrite: false\nresume: ''\nnproc: 0\ndist-backend: nccl": "", "nproc: 2": "want one without nproc",
		"seed: 7\nname: mine\nmodel_path: there\nlearning_rate: 0.5": "",
	} {
		if err := os.WriteFile(recipe, []byte("method: MoCov2\n"+text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Parse("s.yaml", []byte("recipe: "+recipe+"\nseeds: 1\narms: {a: {}}\n"))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}

	// It is found beside the file of the study, and later in the folder of the study, where commands name it.
	dir := t.TempDir()
	out, file := filepath.Join(dir, "out"), filepath.Join(dir, "s.yaml")
	for path, text := range map[string]string{
		file: "recipe: own.yaml\nseeds: 1\narms: {a: {}}\n", filepath.Join(dir, "own.yaml"): "method: MoCov2\nepochs: 7\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, text, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Begin(out, text); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "own.yaml")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Load(file); err == nil || !strings.Contains(err.Error(), "a study that has begun keeps a copy: contralens study FOLDER/study.yaml") {
		t.Errorf("a recipe that is gone: %v", err)
	}
	again, _, err := Load(filepath.Join(out, CopyFile))
	if err != nil {
		t.Fatal(err)
	}
	if begun, err := again.Begun(out); err != nil || !begun {
		t.Errorf("the copy: begun %v, %v", begun, err)
	}
	cell := again.Cells(nil)[0]
	c, _, err := again.Training(out, cell)
	want := "--config=" + filepath.Join(out, "recipe.yaml")
	if err != nil || c.Epochs != 7 || again.Command(out, cell)[2] != want {
		t.Errorf("%v: %d epochs, %v", err, c.Epochs, again.Command(out, cell))
	}
	if values, err := config.ReadValues(strings.TrimPrefix(want, "--config=")); err != nil || values["epochs"] != "7" {
		t.Errorf("the copy of the recipe: %v, %v", values, err)
	}
}

// A file named study.yaml that lies in no folder of a study has the recipe that it names. What an older version took, and
// what has no effect, is no other study.
func TestOlderStudies(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("recipe.yaml", "epochs: 777\n")
	put(CopyFile, "recipe: cifar10\nseeds: 1\narms: {a: {}}\n")
	s, _, err := Load(filepath.Join(dir, CopyFile))
	if err != nil {
		t.Fatal(err)
	}
	if c, _, err := s.Contrast(0); err != nil || c.Epochs == 777 || s.Command(dir, s.Cells(nil)[0])[2] != "--config=cifar10" {
		t.Errorf("%v: %d epochs of another recipe", err, c.Epochs)
	}
	detects := "evaluations: {detect: {config: bccd}}\noptions: {method: MoCov2, stem: imagenet"
	put(CopyFile, "arms: {a: {nproc: 2, epochs: 3}, none: {untrained: true, loss: dcl}}\nseeds: 1\n"+detects+", dist_stall: 5m}\n")
	now := parse(t, "arms: {a: {epochs: 3}, none: {untrained: true}}\nseeds: 1\n"+detects+"}\n")
	if begun, err := now.Begun(dir); err != nil || !begun {
		t.Errorf("a study of an older version: begun %v, %v", begun, err)
	}
}

// A study that is not there is refused with the ready ones.
func TestLoad(t *testing.T) {
	if _, _, err := Load("ft-cifar"); err == nil || !strings.Contains(err.Error(), "did you mean ft-cifar10?") {
		t.Errorf("got %v", err)
	}
	s, text, err := Load("ft-cifar10")
	if err != nil || len(text) == 0 || len(s.Arms) < 2 {
		t.Errorf("%v: %+v", err, s)
	}
	if got := Name("a/b c.yaml"); got != "b-c" {
		t.Errorf("name %s", got)
	}
}

// The folder of a study takes more seeds, and no other change.
func TestBegin(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	begin := func(text string) error { return parse(t, text).Begin(dir, []byte(text)) }
	if err := begin(whole); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		strings.Replace(whole, "seeds: [4, 7]", "seeds: [4, 7, 9] # more", 1): "",
		strings.Replace(whole, "epochs: 3", "epochs: 4", 1):                   `before "epochs 3", now "epochs 4"`,
		strings.Replace(whole, "seeds: [4, 7]", "seeds: [7]", 1):              "which is missing now",
	} {
		err := begin(text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	recipe := filepath.Join(t.TempDir(), "mine.yaml")
	mine := strings.Replace(whole, "recipe: cifar10", "recipe: "+recipe, 1)
	dir = filepath.Join(t.TempDir(), "mine")
	for _, step := range []struct{ options, want string }{
		{"weight_decay: 1.0e-4\nlr_decay_epochs: [3, 5]\n", ""},
		{"# more\nweight_decay: 0.0001\nlr_decay_epochs: 3,5\n", ""},
		{"weight_decay: 0.0002\n", "mine.yaml has other options than when the study began"},
	} {
		if err := os.WriteFile(recipe, []byte(step.options), 0o644); err != nil {
			t.Fatal(err)
		}
		err := begin(mine)
		if step.want == "" && err != nil || step.want != "" && (err == nil || !strings.Contains(err.Error(), step.want)) {
			t.Errorf("recipe %q: want %q, got %v", step.options, step.want, err)
		}
	}
	if begun, err := parse(t, mine).Begun(dir); !begun || err != nil {
		t.Errorf("with another recipe the folder is still that of the study, for reports: %v, %v", begun, err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := parse(t, whole).Begin(file, []byte(whole)); err == nil || !strings.Contains(err.Error(), file+": want a folder for the study") {
		t.Errorf("a file in place of a folder: %v", err)
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "x"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := parse(t, whole).Begin(other, []byte(whole)); err == nil || !strings.Contains(err.Error(), "has other files") {
		t.Errorf("a folder of something else: %v", err)
	}
}

// The command line of a cell has the options of its training.
func TestCommand(t *testing.T) {
	s := parse(t, whole)
	cell := s.Cells(nil)[0]
	line := s.Command("out", cell)
	c, _, err := s.Training("out", cell)
	if err != nil {
		t.Fatal(err)
	}
	if line[0] != "contralens" || line[1] != "contrast" || line[2] != "--config=cifar10" {
		t.Errorf("got %v", line)
	}
	again := config.DefaultContrast()
	set, err := config.ReadYAML("cifar10", &again)
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]bool{}
	for _, name := range set {
		given[name] = true
	}
	for _, word := range line[3:] {
		name, value, _ := strings.Cut(strings.TrimPrefix(word, "--"), "=")
		if err := config.Find(config.Fields(&again), name).Set(value); err != nil {
			t.Fatal(err)
		}
		given[name] = true
	}
	if _, err := again.Resolve(given); err != nil || config.YAML(&again) != config.YAML(&c) {
		t.Errorf("%v: the command line\n%v\ngives\n%s\nnot\n%s", err, line, config.YAML(&again), config.YAML(&c))
	}
}

// The example of the documentation is a study.
func TestDocumentation(t *testing.T) {
	text, err := os.ReadFile("../docs/study.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```yaml\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("docs/study.md has no example")
	}
	if s := parse(t, example); len(s.Arms) != 2 || s.Tuning == nil || len(s.Evaluations) != 8 {
		t.Errorf("got %+v", s)
	}
}

// The folder of a study stays its own with another baseline or order of lines. What differs is named as it was and is.
func TestSignature(t *testing.T) {
	text := "seeds: 1\noptions: {alpha: 0.9, epochs: 3}\narms:\n  a: {}\n  b: {ft: pos}\n  c: {ft: neg}\n"
	s := parse(t, text)
	for other, want := range map[string]string{
		"baseline: b\n" + text: "nothing -> nothing",
		strings.Replace(text, "alpha: 0.9, epochs: 3", "epochs: 3, alpha: 0.9", 1): "nothing -> nothing",
		strings.Replace(text, "  b: {ft: pos}\n", "", 1):                           "arm b: ft pos -> nothing",
		strings.Replace(text, "alpha: 0.9", "alpha: 0.99", 1):                      "alpha 0.9 -> alpha 0.99",
	} {
		before, now := differs(s.signature(), parse(t, other).signature())
		if got := before + " -> " + now; got != want {
			t.Errorf("got %q, want %q, for\n%s", got, want, other)
		}
	}
	// What is tuned belongs to its arm.
	tuned := func(a, b, shared string) string {
		return parse(t, "seeds: 1\narms:\n  a: {ft: pos, tune: {"+a+"}}\n  b: {ft: pos, pos_alpha: 3, tune: {"+b+"}}\n"+
			"tuning: {options: {"+shared+"}, trials: 2}\n").signature()
	}
	x, y, z := "alpha: [0.9, 0.99]", "learning_rate: [0.1, 0.2]", "momentum: [0.8, 0.9]"
	of := tuned(x, y, z)
	for _, other := range []string{tuned(y, x, z), tuned(x, x, z), tuned(x, y, "momentum: [0.9, 0.8]"), tuned(x, z, y)} {
		if before, now := differs(of, other); before == now {
			t.Errorf("the same study:\n%s\n%s", of, other)
		}
	}
}
