package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// Losses that a method has no use for are refused, and options of another loss are noted.
func TestRelatives(t *testing.T) {
	for flags, want := range map[string]string{
		"--loss dlc":                                          "did you mean dcl?",
		"--method BYOL --loss dcl":                            "--loss dcl: want negatives",
		"--method SimSiam --nce_t_high 1":                     "--nce_t_high 1: want negatives",
		"--loss macl --nce_t_high 1":                          "macl sets the temperature itself",
		"--method MoCov2 --nce_t_high 0.1":                    "more than the temperature 0.2",
		"--loss hcl --tau_plus 1":                             "--tau_plus: want a share",
		"--method BYOL --mask_self":                           "--mask_self true: want a queue or a memory bank",
		"--method SimCLR --mask_self":                         "--mask_self true: want a queue or a memory bank",
		"--mask_self --synthetic mochi":                       "no --synthetic",
		"--mask_self --image_mixup imix":                      "no --image_mixup",
		"--image_mixup mixup":                                 "none, imix or unmix",
		"--method BYOL --image_mixup imix":                    "--image_mixup imix: want --mem moco",
		"--method InfoMin --image_mixup unmix":                "no --jigsaw",
		"--method InsDis --image_mixup imix":                  "--image_mixup imix: want --mem moco or batch, got \"bank\"",
		"--image_mixup imix --image_mixup_alpha 0":            "--image_mixup_alpha",
		"--synthetic moco":                                    "did you mean mochi?",
		"--method SimCLR --synthetic mochi":                   "--synthetic mochi: want --mem moco",
		"--method PIRL --synthetic synco":                     "want --mem moco",
		"--method InfoMin --synthetic synco":                  "want no --jigsaw",
		"--nce_k 512 --synthetic mochi --synthetic_from 1024": "--synthetic_from: want 2 to 512",
		"--synthetic mochi --synthetic_counts 1,2,3":          "want 2 numbers with --synthetic mochi",
		"--synthetic synco --synthetic_counts 0,0,0,0,0,0":    "at least one negative",
		"--synthetic synco --synthetic_start_epoch -1":        "--synthetic_start_epoch",
		"--loss rince --rince_q 0":                            "--rince_q",
		"--loss rince --rince_lambda 2":                       "--rince_lambda",
		"--loss macl --macl_alpha 2":                          "--macl_alpha",
		"--loss dclw --dclw_sigma 0":                          "--dclw_sigma",
		"--method MoCov2 --nce_t_high 1 --nce_t_period -1":    "--nce_t_period",
	} {
		c := DefaultContrast()
		if _, err := c.Resolve(parse(t, &c, strings.Fields(flags))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", flags, err, want)
		}
	}
	for flags, want := range map[string]string{
		"--cosine --loss hcl --tau_plus 0.01":                               "",
		"--cosine --loss debiased --hcl_beta 2":                             "--hcl_beta has an effect only with --loss hcl",
		"--cosine --loss dcl --tau_plus 0.2":                                "only with --loss debiased or hcl",
		"--cosine --synthetic_from 9":                                       "--synthetic_from has an effect only with --synthetic",
		"--cosine --synthetic mochi --synthetic_from 9":                     "",
		"--cosine --nce_t_period 4":                                         "only with --nce_t_high",
		"--cosine --nce_t_high 1 --nce_t_period 4":                          "",
		"--cosine --lars_trust 0.1":                                         "only with --optimizer lars",
		"--cosine --optimizer adamw --learning_rate 0.001 --adam_beta2 0.9": "",
		"--cosine --ft auto --pos_alpha 3":                                  "--pos_alpha has an effect only where the scores do not choose it",
		"--cosine --pos_alpha 3":                                            "features are not transformed: --ft (or --mixnorm) is missing beside --pos_alpha",
		"--cosine --ft none --pos_alpha 3":                                  "",
		"--cosine --method MoCov2 --mem bank":                               "--mem bank is overridden by MoCov2's moco; to choose it, use --method Customize",
		"--cosine --method MoCov2 --head linear":                            "--head linear is overridden by MoCov2's mlp; to choose it, use --custom_head or",
		"--cosine --method MoCov2 --jigsaw":                                 "--jigsaw true is overridden",
		"--cosine --method MoCov2 --modal CMC":                              "--modal CMC is overridden",
		"--cosine --method MoCov2 --aug A":                                  "--aug A is overridden by MoCov2's B",
		"--cosine --method MoCov2 --aug B --mem moco":                       "",
		"--cosine --method SimSiam -t 0.1":                                  "SimSiam has no temperature",
		"--cosine --method Customize --mem none -t 0.1":                     "--nce_t has an effect only with negatives",
		"--cosine --ft pos --mask_distribution uniform":                     "--mask_distribution uniform is overridden by --ft pos, which stands for beta",
		"--cosine --ft posneg --mixnorm_target posneg --sep_alpha":          "",
		"--cosine --ft none --mixnorm":                                      "--mixnorm true is overridden by --ft none",
		"--cosine --ft pos --neg_alpha 9":                                   "--neg_alpha has an effect only where negatives are transformed",
		"--cosine --ft posneg --beta_alpha 5":                               "--beta_alpha has an effect only",
		"--cosine --dim_mask both":                                          "missing beside --dim_mask",
		"--cosine --method SimCLR -k 4096":                                  "--nce_k has an effect only with a queue or a memory bank",
		"--cosine --method SimCLR --alpha 0.9":                              "--alpha has an effect only with a key encoder",
		"--cosine --nce_m 0.9":                                              "--nce_m has an effect only with a memory bank",
		"--cosine --beta 0.3":                                               "--beta has an effect only with --jigsaw",
		"--cosine --lr_decay_epochs 50,60":                                  "--lr_decay_epochs has an effect only without --cosine",
		"--cosine --optimizer adamw":                                        "--learning_rate 0.03 suits SGD; with --optimizer adamw give one such as 0.001",
		"--cosine --nce_k 512 --synthetic mochi":                            "",
		"--cosine --method MoCo --loss hcl":                                 "--loss hcl repels no negatives of a query whose positive scores 0.16 above them",
		"--cosine --method MoCo --loss debiased --tau_plus 0.01":            "",
		"--cosine --method MoCo --loss hcl --tau_plus 0":                    "",
		"--cosine --method MoCov2 --loss hcl":                               "",
		"--cosine --method MoCo --loss rince":                               "up to 1270 times that of InfoNCE with τ 0.07 and --rince_q 0.5",
		"--cosine --method MoCov2 --loss rince":                             "",
	} {
		c := DefaultContrast()
		w, err := c.Resolve(parse(t, &c, strings.Fields(flags)))
		if text := strings.Join(w, "\n"); err != nil || (want == "") != (text == "") || !strings.Contains(text, want) {
			t.Errorf("%s: %v, notes %q, want %q", flags, err, w, want)
		}
	}
}

// Images are mixed wherever a query has keys of two images.
func TestImageMixup(t *testing.T) {
	for _, flags := range []string{
		"--method MoCov2 --image_mixup imix", "--method SimCLR --image_mixup imix", "--method SimCLR --image_mixup unmix",
		"--method InsDis --image_mixup unmix", "--method CMCv2 --image_mixup unmix",
	} {
		c := DefaultContrast()
		if _, err := c.Resolve(parse(t, &c, strings.Fields(flags))); err != nil {
			t.Errorf("%s: %v", flags, err)
		}
	}
}

// --ft auto means both sides where there are negatives, and the options that it stands for.
func TestAutoTransformation(t *testing.T) {
	for flags, want := range map[string]string{
		"--method MoCov2 --ft auto --cosine": "posneg", "--method BYOL --ft auto --cosine": "pos",
		"--method SimCLR --ft auto --nce_t_auto --cosine": "posneg", "--method MoCov2 --ft auto -t auto --cosine": "posneg",
	} {
		c := DefaultContrast()
		if w, err := c.Resolve(parse(t, &c, strings.Fields(flags))); err != nil || len(w) > 0 {
			t.Errorf("%s: %v, notes %q", flags, err, w)
		}
		if c.MixTarget != want || !c.AlphaAuto || c.MixStart != "auto" || !strings.Contains(c.Describe(), "scores choose") || strings.Contains(c.Describe(), "Beta(") {
			t.Errorf("%s: target %s, alphas %v, start %q: %s", flags, c.MixTarget, c.AlphaAuto, c.MixStart, c.Describe())
		}
	}
	c := DefaultContrast()
	for name, text := range map[string]string{"alpha": "auto", "learning_rate": "auto", "nce_t": "NaN", "pos_alpha": "nan", "nce_t_high": "inf"} {
		if err := Find(Fields(&c), name).Set(text); err == nil || !strings.Contains(err.Error(), "want a number") {
			t.Errorf("%s %s: %v", name, text, err)
		}
	}
	for flags, want := range map[string]string{
		"--ft posneg --alpha_auto":                                "--alpha_auto true: want --ft and --mix_start auto",
		"--mix_start auto --alpha_auto":                           "--alpha_auto",
		"--ft posneg --mix_start auto --nce_t_auto":               "--nce_t auto: want --ft auto",
		"--ft auto --nce_t_auto --loss macl":                      "--nce_t_auto true: want negatives",
		"--method BYOL --ft auto --nce_t_auto":                    "--nce_t_auto true: want negatives",
		"--method MoCov2 --ft auto --nce_t_auto --nce_t_high 0.9": "no --nce_t_high",
	} {
		c := DefaultContrast()
		if _, err := c.Resolve(parse(t, &c, strings.Fields(flags))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", flags, err, want)
		}
	}
	c = DefaultContrast()
	set := parse(t, &c, []string{"--ft", "auto", "--nce_t", "auto"})
	c.TauAuto, set["nce_t_auto"] = false, true // --nce_t_auto=false
	if _, err := c.Resolve(set); err == nil || !strings.Contains(err.Error(), "--nce_t auto: want no --nce_t_auto=false") {
		t.Errorf("--nce_t auto with --nce_t_auto=false: %v", err)
	}
}

// A warm-up in steps takes the place of that of large batches; both together are refused.
func TestOptimizerOptions(t *testing.T) {
	for flags, want := range map[string]string{
		"--optimizer sdg":                               "did you mean sgd?",
		"--lars_trust 0":                                "--lars_trust",
		"--adam_beta2 1":                                "--adam_beta2: want a number from 0 to below 1",
		"--warm --warm_steps 10":                        "want no --warm",
		"--warm_steps -1":                               "--warm_steps",
		"--cosine --cosine_by epoch --warm_steps 10":    "--warm_steps 10: want --cosine_by step",
		"--alpha_schedule linear":                       "--alpha_schedule",
		"--method MoCov2 --loss dcl --alpha_schedule x": "constant or cosine",
	} {
		c := DefaultContrast()
		if _, err := c.Resolve(parse(t, &c, strings.Fields(flags))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", flags, err, want)
		}
	}
	for flags, want := range map[string]string{
		"--cosine --optimizer lars --adam_beta2 0.9":                      "only with --optimizer adamw",
		"--cosine --lars_trust 0.01":                                      "only with --optimizer lars",
		"--cosine --method SimCLR --alpha_schedule cosine":                "--mem batch has no key encoder",
		"--cosine --method BYOL --alpha_schedule cosine":                  "",
		"--cosine --optimizer lars --learning_rate 0.3 --lars_trust 0.01": "",
		"--cosine --batch_size 512 --warm_steps 10":                       "",
	} {
		c := DefaultContrast()
		w, err := c.Resolve(parse(t, &c, strings.Fields(flags)))
		if text := strings.Join(w, "\n"); err != nil || (want == "") != (text == "") || !strings.Contains(text, want) {
			t.Errorf("%s: %v, notes %q, want %q", flags, err, w, want)
		}
		if c.WarmSteps > 0 && (c.Warm || c.CosineBy != "step") {
			t.Errorf("%s: --warm %v, --cosine_by %s", flags, c.Warm, c.CosineBy)
		}
	}
}

// What --print_config prints can be read again: it names defaults and what presets set, and no note is due.
func TestPrintedOptions(t *testing.T) {
	for _, flags := range []string{"--method MoCov2 --cosine --ft auto", "--method SimCLR --cosine", "--method MoCov2 --cosine --loss hcl"} {
		c, again := DefaultContrast(), DefaultContrast()
		if _, err := c.Resolve(parse(t, &c, strings.Fields(flags))); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "printed.yaml")
		if err := os.WriteFile(path, []byte(YAML(&c)), 0o644); err != nil {
			t.Fatal(err)
		}
		set := map[string]bool{}
		names, err := ReadYAML(path, &again)
		for _, name := range names {
			set[name] = true
		}
		if err != nil {
			t.Fatal(err)
		}
		notes, err := again.Resolve(set)
		if err != nil || len(notes) > 0 || !reflect.DeepEqual(Values(&again), Values(&c)) {
			t.Errorf("%s: %v, notes %q", flags, err, notes)
		}
	}
}

// A warm-up that large batches turn on can be turned off.
func TestNoWarmUp(t *testing.T) {
	c := DefaultContrast()
	if _, err := c.Resolve(parse(t, &c, strings.Fields("--batch_size 512"))); err != nil || !c.Warm {
		t.Errorf("a batch of 512: %v, warm-up %v", err, c.Warm)
	}
	c.Warm = false
	if _, err := c.Resolve(map[string]bool{"warm": true, "batch_size": true}); err != nil || c.Warm {
		t.Errorf("--warm=false: %v, warm-up %v", err, c.Warm)
	}
}
