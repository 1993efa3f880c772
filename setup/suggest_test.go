package setup

import (
	"context"
	"fmt"
	"image/color"
	"slices"
	"strings"
	"testing"

	"contralens/config"
	"contralens/data/datatest"
	"contralens/recipes"
)

// The suggestions of typical datasets, as a user would read them.
func TestSuggest(t *testing.T) {
	for _, c := range []struct {
		sizes Sizes
		want  string
	}{
		{Sizes{300, 640, 2, false}, "--method MoCov2 --arch resnet18 --width 0.5 --input_res 96 --batch_size 16 --nce_k 128 " +
			"--epochs 200 --alpha 0.99 --learning_rate 0.015 --cosine"},
		{Sizes{5000, 500, 2, false}, "--method MoCov2 --arch resnet18 --width 0.5 --input_res 96 --batch_size 128 --nce_k 2048 " +
			"--epochs 50 --alpha 0.99 --learning_rate 0.042 --cosine"},
		{Sizes{50_000, 32, 2, false}, "--method MoCov2 --arch resnet18 --width 0.25 --stem cifar --input_res 32 --batch_size 128 " +
			"--nce_k 16384 --epochs 10 --alpha 0.99 --learning_rate 0.042 --cosine --cosine_by step"},
		{Sizes{50_000, 32, 64, false}, "--method MoCov2 --arch resnet18 --width 1 --stem cifar --input_res 32 --batch_size 128 " +
			"--nce_k 16384 --epochs 80 --alpha 0.999 --learning_rate 0.042 --cosine"},
		{Sizes{1_281_167, 400, 16, true}, "--method MoCov2 --arch resnet50 --width 1 --input_res 224 --batch_size 256 " +
			"--nce_k 65536 --epochs 70 --alpha 0.999 --learning_rate 0.06 --cosine"},
		{Sizes{2, 8, 1, false}, "--method MoCov2 --arch resnet18 --width 0.25 --stem cifar --input_res 16 --batch_size 2 " +
			"--nce_k 2 --epochs 200 --alpha 0.99 --learning_rate 0.005 --cosine"},
	} {
		o := config.DefaultContrast()
		if got := Suggest(&o, nil, c.sizes).String(); got != c.want {
			t.Errorf("%v:\n got %s\nwant %s", c.sizes, got, c.want)
		}
		if warnings, err := o.Resolve(nil); err != nil || len(warnings) > 0 {
			t.Errorf("%v: the suggestion is refused or warned of: %v, %q", c.sizes, err, warnings)
		}
		if notes := ScheduleNotes(o.Optim, o.Warm, true); len(notes) > 0 {
			t.Errorf("%v: %q", c.sizes, notes)
		}
	}
}

// Options that the user gave stay, and the others follow them.
func TestSuggestFollowsTheUser(t *testing.T) {
	c := config.DefaultContrast()
	set := map[string]bool{}
	give := func(option, value string) {
		if err := config.Find(config.Fields(&c), option).Set(value); err != nil {
			t.Fatal(err)
		}
		set[option] = true
	}
	give("batch_size", "64")
	give("epochs", "5")
	give("arch", "resnet34")
	give("ft", "posneg")
	chosen := Suggest(&c, set, Sizes{5000, 500, 2, false})
	if c.BatchSize != 64 || c.Epochs != 5 || c.Arch != "resnet34" || c.Width != 1 {
		t.Errorf("overruled the user: %+v", c)
	}
	if c.LearningRate != 0.03 || c.CosineBy != "step" || c.MixStart != "auto" {
		t.Errorf("did not follow the user: rate %v, cosine by %s, start %q", c.LearningRate, c.CosineBy, c.MixStart)
	}
	for _, made := range chosen {
		if set[made.Option] {
			t.Errorf("says that it chose --%s", made.Option)
		}
	}
}

// folderOf writes n images of the given side and returns their folder.
func folderOf(t *testing.T, n, side int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		datatest.Put(t, dir, fmt.Sprintf("%02d.png", i), datatest.PNG(side, side+i, func(x, y int) color.RGBA {
			if x == i%side && y == 0 {
				return color.RGBA{200, 200, 200, 255}
			}
			return color.RGBA{A: 255}
		}))
	}
	return dir
}

// The sizes are those of the dataset that the options select.
func TestMeasure(t *testing.T) {
	c := config.DefaultContrast()
	c.DataFolder, c.Limit = folderOf(t, 20, 24), 18
	said, err := Size(context.Background(), &c, map[string]bool{"limit": true})
	if err != nil || c.Method != "MoCov2" || c.InputRes != 24 || c.K != 8 {
		t.Fatalf("%v; %s, %d px, K %d", err, c.Method, c.InputRes, c.K)
	}
	if !strings.HasPrefix(said, "chosen for 18 images of 24 px") {
		t.Error(said)
	}
}

// A queue that is longer than the dataset is shortened.
func TestFitQueue(t *testing.T) {
	c := config.DefaultContrast()
	c.DataFolder, c.K, c.BatchSize = folderOf(t, 20, 24), 2048, 4
	said, err := FitQueue(context.Background(), &c)
	if err != nil || c.K != 8 || said != "--nce_k 8 instead of the recipe's 2048, because there are 20 images" {
		t.Errorf("K %d, %q, %v", c.K, said, err)
	}
	if said, err := FitQueue(context.Background(), &c); err != nil || said != "" || c.K != 8 {
		t.Errorf("a queue that fits: K %d, %q, %v", c.K, said, err)
	}
}

// Notes about schedules that never reach their rate.
func TestScheduleNotes(t *testing.T) {
	for _, c := range []struct {
		epochs    int
		rate      float64
		cosine    bool
		by        string
		warm      bool
		automatic bool
		want      string // "" for no note
	}{
		{200, 0.03, true, "epoch", false, false, ""},
		{20, 0.06, true, "epoch", false, false, ""},
		{1, 0.03, true, "epoch", false, false, "the only epoch has 0.00003 instead of 0.03; give --cosine_by step"},
		{2, 0.03, true, "epoch", false, false, "the last of 2 epochs has 0.00003"},
		{2, 0.03, true, "step", false, false, ""},
		{5, 0.06, true, "epoch", true, true, "batches above 256 turn on a warm-up, which starts at 0.01 and takes 5 epochs: by then the cosine of 5 epochs is at 0.00006, so the rate falls and never reaches 0.06"},
		{7, 0.003, false, "epoch", true, false, "the warm-up (--warm) starts at 0.01 and takes 5 epochs: above the learning rate of 0.003, so the rate falls"},
		{2, 0.06, false, "epoch", true, false, "in 2 epochs the learning rate rises to 0.03 and never reaches 0.06"},
		{20, 0.06, true, "epoch", true, true, "it ends at 0.0512, where the cosine of 20 epochs is by then, so the learning rate never reaches 0.06; give --warm_steps"},
		{200, 0.06, true, "epoch", true, true, ""},
		{100, 0.03, false, "epoch", true, true, ""},
	} {
		o := config.DefaultContrast().Optim
		o.Epochs, o.LearningRate, o.Cosine, o.CosineBy = c.epochs, c.rate, c.cosine, c.by
		got := strings.Join(ScheduleNotes(o, c.warm, c.automatic), "\n")
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

// No recipe has a schedule that a note would warn of.
func TestRecipesSchedules(t *testing.T) {
	for _, name := range recipes.Names() {
		c := config.DefaultContrast()
		if _, err := config.ReadYAML(name, &c); err != nil {
			t.Fatal(err)
		}
		if notes := ScheduleNotes(c.Optim, c.Warm || c.BatchSize > 256 && c.WarmSteps == 0, !c.Warm); len(notes) > 0 {
			t.Errorf("%s: %q", name, notes)
		}
	}
}

// A command line that names a method, a part of one, or options of the reference
// implementation is described; data, sizes and the machine describe nothing.
func TestDescribed(t *testing.T) {
	var not []string
	for _, f := range config.Fields(&config.Contrast{}) {
		if !config.Described(map[string]bool{f.Name: true}) {
			not = append(not, f.Name)
		}
	}
	for _, name := range []string{"data_folder", "batch_size", "epochs", "arch", "ft", "seed", "name", "amp", "nce_k"} {
		if !slices.Contains(not, name) {
			t.Errorf("--%s alone describes a training", name)
		}
	}
	for _, name := range []string{"method", "mem", "head", "mixnorm", "world-size", "opt_level", "exp_iter", "feature_mix"} {
		if slices.Contains(not, name) {
			t.Errorf("--%s describes no training", name)
		}
	}
}
