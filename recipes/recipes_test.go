package recipes_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"contralens/config"
	"contralens/recipes"
	"contralens/setup"
)

var (
	opening = regexp.MustCompile(`^(#.*\n)+`)
	cited   = regexp.MustCompile(`\p{Lu}\p{L}+ (et al\.|& [\p{L} ]+)(?s:.*)\b(19|20)\d\d\b`) // Zhu et al. (ICCV 2021)
)

// Every recipe is valid, trains what its name says, and starts with a description. Those
// for ImageNet are published trainings and name authors and year.
func TestRecipes(t *testing.T) {
	runs := map[string]string{ // the run's name as the reference implementation gives it, and what is transformed
		"imagenet-mocov2":       "MoCov2_resnet50_RGB_Jig_False_moco_aug_B_mlp_0.2_cosine_alpha0.999_ncet0.2_ncek65536_baseline_epoch200_bs256_lr0.03",
		"imagenet-mocov2-ft":    "MoCov2_resnet50_RGB_Jig_False_moco_aug_B_mlp_0.2_cosine_alpha0.999_ncet0.2_ncek65536_mixnorm_targetposneg_postnormFalse_distribeta_expolationTrue_pos2.0_neg1.6_epoch200_bs256_lr0.03",
		"imagenet100-mocov2":    "MoCov2_resnet50_RGB_Jig_False_moco_aug_B_mlp_0.2_cosine_alpha0.999_ncet0.2_ncek65536_baseline_epoch200_bs256_lr0.03",
		"imagenet100-mocov2-ft": "MoCov2_resnet50_RGB_Jig_False_moco_aug_B_mlp_0.2_cosine_alpha0.999_ncet0.2_ncek65536_mixnorm_targetposneg_postnormFalse_distribeta_expolationTrue_pos2.0_neg1.6_epoch200_bs256_lr0.03",
		"imagenet100-moco-ft":   "MoCo_resnet50_RGB_Jig_False_moco_aug_A_linear_0.07_cosine_alpha0.999_ncet0.07_ncek65536_mixnorm_targetposneg_postnormFalse_distribeta_expolationTrue_pos2.0_neg1.6_epoch200_bs256_lr0.03",
		"imagenet-insdis":       "InsDis_resnet50_RGB_Jig_False_bank_aug_A_linear_0.07_alpha0.999_ncet0.07_ncek4096_baseline_epoch200_bs256_lr0.03",
		"imagenet-pirl":         "PIRL_resnet50_RGB_Jig_True_bank_aug_A_linear_0.07_alpha0.999_ncet0.07_ncek32000_baseline_epoch200_bs256_lr0.03",
		"imagenet-cmc":          "CMC_resnet50_CMC_Jig_False_bank_aug_C_linear_0.07_alpha0.999_ncet0.07_ncek16384_baseline_epoch240_bs128_lr0.03",
		"imagenet-infomin":      "InfoMin_resnet50_RGB_Jig_True_moco_aug_D_mlp_0.15_cosine_alpha0.999_ncet0.15_ncek65536_baseline_epoch200_bs256_lr0.03",
		"imagenet-simclr":       "SimCLR_resnet50_RGB_Jig_False_batch_aug_B_mlp_0.1_cosine_alpha0.999_ncet0.1_ncek65536_baseline_epoch200_bs512_lr0.6",
		"imagenet-simsiam":      "SimSiam_resnet50_RGB_Jig_False_none_aug_B_2mlp_bn_0.2_cosine_warm_alpha0.999_ncet0.2_ncek65536_baseline_epoch100_bs512_lr0.1",
		"imagenet-byol":         "BYOL_resnet50_RGB_Jig_False_target_aug_B_mlp_bn_0.2_cosine_alpha0.99_ncet0.2_ncek65536_baseline_epoch100_bs512_lr0.9",
		"cifar10":               "MoCov2_resnet18_RGB_Jig_False_moco_aug_B_mlp_0.2_cosine_alpha0.99_ncet0.2_ncek4096_baseline_epoch20_bs256_lr0.06",
		"cifar10-ft":            "MoCov2_resnet18_RGB_Jig_False_moco_aug_B_mlp_0.2_cosine_alpha0.99_ncet0.2_ncek4096_mixnorm_targetposneg_postnormFalse_distribeta_expolationTrue_pos2.0_neg1.6_epoch20_bs256_lr0.06",
		"cifar10-fast":          "SimCLR_resnet18_RGB_Jig_False_batch_aug_B_mlp_0.1_cosine_alpha0.999_ncet0.1_ncek65536_baseline_epoch20_bs256_lr0.12",
		"fashion-mnist":         "MoCov2_tau0.1_resnet18_RGB_Jig_False_moco_aug_B_mlp_0.1_cosine_alpha0.99_ncet0.1_ncek4096_baseline_epoch6_bs64_lr0.06",
		"own-folder":            "MoCov2_resnet18_RGB_Jig_False_moco_aug_B_mlp_0.2_cosine_alpha0.99_ncet0.2_ncek2048_mixnorm_targetposneg_postnormFalse_distribeta_expolationTrue_pos2.0_neg1.6_epoch50_bs64_lr0.03",
	}
	published := map[string]string{ // what the papers optimize with; the others take SGD
		"imagenet-simclr": "lars, decay 1e-06, 25000 steps of warm-up, momentum constant",
		"imagenet-byol":   "lars, decay 1e-06, 25000 steps of warm-up, momentum cosine",
	}
	if got := len(recipes.Names()); got != len(runs) {
		t.Errorf("%d recipes, %d are tested: %v", got, len(runs), recipes.Names())
	}
	for _, name := range recipes.Names() {
		c := config.DefaultContrast()
		set, err := config.ReadYAML(name, &c)
		if err != nil {
			t.Fatal(err)
		}
		given := map[string]bool{}
		for _, s := range set {
			given[s] = true
		}
		warnings, err := c.Resolve(given)
		if err != nil || len(warnings) > 0 {
			t.Errorf("%s: %v, warnings %q", name, err, warnings)
		}
		if got := c.UpstreamName(); got != runs[name] {
			t.Errorf("%s\n got %s\nwant %s", name, got, runs[name])
		}
		if got := c.Optimizer.Optimizer; published[name] == "" && got != "sgd" {
			t.Errorf("%s: optimizer %s, want sgd", name, got)
		}
		if want := published[name]; want != "" {
			got := fmt.Sprintf("%s, decay %v, %d steps of warm-up, momentum %s", c.Optimizer.Optimizer, c.WeightDecay, c.WarmSteps,
				c.AlphaSchedule)
			if got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
		text, ok := recipes.Get(name)
		comment := opening.FindString(string(text))
		if !ok || comment == "" {
			t.Errorf("%s does not begin with a comment that says what it is", name)
		}
		if strings.HasPrefix(name, "imagenet") && !cited.MatchString(comment) {
			t.Errorf("%s does not say whose training it is, authors and year:\n%s", name, comment)
		}
		// A recipe can also be read as a file.
		path := filepath.Join(t.TempDir(), "mine.yaml")
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		d := config.DefaultContrast()
		if _, err := config.ReadYAML(path, &d); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Resolve(given); err != nil || config.YAML(&d) != config.YAML(&c) {
			t.Errorf("%s as a file gives other options: %v", name, err)
		}
	}
}

// Every recipe of a detector is valid, needs no note, says what it is, and trains what it says.
func TestDetectors(t *testing.T) {
	want := map[string]string{
		"voc-r50-c4":      "c4 resnet50 masks false iterations 24000",
		"coco-r50-c4-1x":  "c4 resnet50 masks true iterations 90000",
		"coco-r50-c4-2x":  "c4 resnet50 masks true iterations 180000",
		"coco-r50-fpn-1x": "fpn resnet50 masks true iterations 90000",
		"coco-r50-fpn-2x": "fpn resnet50 masks true iterations 180000",
		"bccd":            "fpn resnet18 masks false iterations 600",
	}
	if got := recipes.Detectors(); len(got) != len(want) {
		t.Errorf("%d recipes, %d are tested: %v", len(got), len(want), got)
	}
	for _, name := range recipes.Detectors() {
		c := config.DefaultDetectTrain()
		if _, err := config.ReadYAML(name, &c); err != nil {
			t.Fatal(err)
		}
		notes, err := c.Resolve(nil)
		if notes = append(notes, setup.IterationNotes(c.Iterating)...); err != nil || len(notes) > 0 {
			t.Errorf("%s: %v, notes %q", name, err, notes)
		}
		if got := fmt.Sprintf("%s %s masks %v iterations %d", c.Detector, c.Arch, c.Masks, c.Iterations); got != want[name] {
			t.Errorf("%s trains %s, want %s", name, got, want[name])
		}
		text, _ := recipes.Get(name)
		if comment := opening.FindString(string(text)); comment == "" || name != "bccd" && !cited.MatchString(comment) {
			t.Errorf("%s does not say what it is and whose training:\n%s", name, comment)
		}
	}
}
