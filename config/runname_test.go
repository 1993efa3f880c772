package config

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"contralens/recipes"
)

// plain matches names that every shell reads as one word and no program reads as an option.
var plain = regexp.MustCompile(`^[\p{L}\p{N}_+=,@][\p{L}\p{N}._+=,@-]*$`)

func checkName(t *testing.T, what string, n RunName) {
	t.Helper()
	if len(n.Name) > MaxRunName {
		t.Errorf("%s: the name has %d bytes, want at most %d: %s", what, len(n.Name), MaxRunName, n.Name)
	}
	if !plain.MatchString(n.Name) || n.Name != filepath.Base(n.Name) {
		t.Errorf("%s: want one folder's name that shells take as it is, got %q", what, n.Name)
	}
}

// Every command can run on the run of every recipe: the name of its directory, which is
// also that of its TensorBoard events, fits a file system.
func TestRunNamesOfRecipes(t *testing.T) {
	seen := map[string]string{}
	for _, recipe := range recipes.Names() {
		for _, more := range []string{"", "--ft posneg --mix_start auto", "--seed 12345", "--symmetric --accum 2 --lr_decay_epochs 10,20"} {
			c := DefaultContrast()
			given, err := ReadYAML(recipe, &c)
			if err != nil {
				t.Fatal(err)
			}
			set := parse(t, &c, strings.Fields(more))
			for _, name := range given {
				set[name] = true
			}
			if _, err := c.Resolve(set); err != nil {
				continue // not every method takes all of these
			}
			what := recipe + " " + more
			n := c.RunName()
			checkName(t, what, n)
			if other, ok := seen[n.Name]; ok && other != n.Upstream {
				t.Errorf("%s: another run is called %s", what, n.Name)
			}
			seen[n.Name] = n.Upstream
			if !strings.HasPrefix(n.Name, c.Method+"_"+c.Arch) {
				t.Errorf("%s: want the method and the network in %s", what, n.Name)
			}
			// Evaluations of this run, and of one whose directory still has the long name.
			for _, folder := range []string{n.Name, n.Upstream} {
				ckpt := filepath.Join("save", folder, "current.pth")
				for _, flags := range []string{"", "--cached --solver lbfgs", "--cached --lr_sweep 0.1,1,10,30 --cosine --epochs 7 --seed 3"} {
					l := DefaultLinear()
					set := parse(t, &l, append(strings.Fields(flags), "--ckpt", ckpt))
					if _, err := l.Resolve(set); err != nil {
						t.Fatal(err)
					}
					name := l.RunName(set)
					checkName(t, "linear "+flags+" of "+what, name)
					if !strings.Contains(name.Name, "_linear_") {
						t.Errorf("want linear in %s", name.Name)
					}
				}
				for _, flags := range []string{"", "--label_fraction 0.01 --classifier_lr 0.2 --layer_decay 0.8 --crt_epochs 10 --imbalance 100 --cosine --seed 1"} {
					f := DefaultFinetune()
					set := parse(t, &f, append(strings.Fields(flags), "--ckpt", ckpt))
					if _, err := f.Resolve(set); err != nil {
						t.Fatal(err)
					}
					name := f.RunName()
					checkName(t, "finetune "+flags+" of "+what, name)
					if !strings.Contains(name.Name, "_finetune") {
						t.Errorf("want finetune in %s", name.Name)
					}
				}
			}
		}
	}
	s := DefaultSupervised()
	flags := "--arch wide_resnet101_2x4 --dataset fashion-mnist --learning_rate 0.0123 --cosine --lr_decay_rate 0.33 " +
		"--epochs 123 --batch_size 512 --momentum 0.95 --weight_decay 0.0005 --crop 0.33 --width 0.25 --stem cifar --seed 4"
	parse(t, &s, strings.Fields(flags))
	checkName(t, "supervised", s.RunName())
}

// Names that fit stay as they were. The others keep their readable part, and every option
// changes the hash.
func TestRunName(t *testing.T) {
	contrast := func(flags string) RunName {
		c := DefaultContrast()
		if _, err := c.Resolve(parse(t, &c, strings.Fields(flags))); err != nil {
			t.Fatal(err)
		}
		return c.RunName()
	}
	short := contrast("--method MoCov2 --batch_size 256 --cosine --seed 2")
	want := "MoCov2_resnet50_RGB_Jig_False_moco_aug_B_mlp_0.2_cosine_alpha0.999_ncet0.2_ncek65536_baseline_epoch200_bs256_lr0.03_seed-2"
	if short.Name == want || short.Upstream != want { // 121 bytes
		t.Errorf("got %+v", short)
	}
	fits := strings.TrimSuffix(want, "_seed-2")
	if n := contrast("--method MoCov2 --batch_size 256 --cosine"); n.Name != fits || n.Upstream != fits {
		t.Errorf("got %+v, want %s", n, fits)
	}
	// Seeds differ in nothing but the seed, other options in the hash.
	long := "--method MoCov2 --batch_size 256 --ft posneg --dataset cifar10 --width 0.25 --epochs 20 --crop_min 0.3"
	one, two, other := contrast(long+" --seed 1"), contrast(long+" --seed 2"), contrast(long+" --seed 1 --decode exact")
	if !strings.HasSuffix(one.Name, "_seed-1") || strings.TrimSuffix(one.Name, "1")+"2" != two.Name {
		t.Errorf("seeds 1 and 2 are called %s and %s", one.Name, two.Name)
	}
	if one.Name == other.Name || len(one.Name) != len(other.Name) {
		t.Errorf("other options are called %s, as %s", other.Name, one.Name)
	}
	if !strings.HasPrefix(one.Name, "MoCov2_resnet50_width-0.25_dataset-cifar10_ft-posneg_epoch20_bs256_lr0.03_") {
		t.Errorf("got %s", one.Name)
	}
	if n := contrast("--name x --seed 3"); n.Name != "x" || !strings.HasSuffix(n.Upstream, "_seed-3") {
		t.Errorf("--name x gives %+v", n)
	}
}

// The folder of a checkpoint may have any name.
func TestRunNameOfFolder(t *testing.T) {
	names := map[string]bool{}
	for folder, want := range map[string]string{
		"run":                           "run_finetune",
		"a b":                           `a-b_finetune_[0-9a-f]{8}`,
		"a-b":                           "a-b_finetune",
		"$(rm -r ~)":                    `rm--r---_finetune_[0-9a-f]{8}`,
		"-rf":                           `rf_finetune_[0-9a-f]{8}`,
		`it's "mine"`:                   `it-s--mine-_finetune_[0-9a-f]{8}`,
		"Größe":                         "Größe_finetune",
		strings.Repeat("ü", 120):        `ü{51}_finetune_[0-9a-f]{8}`,
		"\xff\xfe":                      `[0-9a-z_-]+_finetune_[0-9a-f]{8}`,
		".hidden":                       `hidden_finetune_[0-9a-f]{8}`,
		strings.Repeat("long", 30):      `(long)+(l|lo|lon)?_finetune_[0-9a-f]{8}`,
		strings.Repeat("_", MaxRunName): `_*_?finetune_[0-9a-f]{8}`,
	} {
		f := DefaultFinetune()
		f.Ckpt = filepath.Join("save", folder, "current.pth")
		n := f.RunName()
		checkName(t, folder, n)
		if !regexp.MustCompile("^" + want + "$").MatchString(n.Name) {
			t.Errorf("%q: got %s, want %s", folder, n.Name, want)
		}
		if names[n.Name] {
			t.Errorf("%q: another run is called %s", folder, n.Name)
		}
		names[n.Name] = true
	}
}

func ExampleRunName() {
	c := DefaultLinear()
	c.Ckpt = "save/cats/current.pth"
	n := c.RunName(nil)
	fmt.Println(n.Name)
	fmt.Println(n.Upstream)
	// Output:
	// cats_linear_NULL_0.2_lr30_lrdecay60-80
	// cats_linear_NULL_0.2_lr30_lrdecay[60, 80]
}
