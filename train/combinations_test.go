package train

import (
	"fmt"
	"strings"
	"testing"

	"contralens/config"
	"contralens/nn/heads"
)

// For every combination of modality, jigsaw, memory, head and transformation, the first
// step gives every parameter a gradient, or the combination is refused with the reason.
func TestCombinations(t *testing.T) {
	refused := func(c *config.Contrast) string {
		siamese := c.Memory == "none" || c.Memory == "target"
		switch {
		case siamese && c.Modal == "CMC":
			return "want --modal RGB"
		case c.Jigsaw && c.Memory != "moco" && c.Memory != "bank":
			return "want no --jigsaw"
		case siamese && strings.HasSuffix(c.FT, "neg"):
			return "no negatives to interpolate"
		}
		return ""
	}
	for _, memory := range []string{"moco", "bank", "batch", "none", "target"} {
		for _, modal := range []string{"RGB", "CMC"} {
			for _, jigsaw := range []bool{false, true} {
				for _, head := range heads.Names {
					for _, ft := range []string{"none", "pos", "neg", "posneg"} {
						t.Run(fmt.Sprintf("%s %s jigsaw=%v %s %s", memory, modal, jigsaw, head, ft), func(t *testing.T) {
							c, err := tiny(func(c *config.Contrast) {
								c.Memory, c.Modal, c.Jigsaw, c.Head, c.FT = memory, modal, jigsaw, head, ft
							})
							if want := refused(&c); want == "" {
								learns(t, c, err)
							} else if err == nil || !strings.Contains(err.Error(), want) {
								t.Errorf("error %v, want %q", err, want)
							}
						})
					}
				}
			}
		}
	}
}

// So does every loss, with each source of negatives and the feature transformation.
func TestLosses(t *testing.T) {
	for _, memory := range []string{"moco", "bank", "batch"} {
		for _, loss := range []string{"dcl", "dclw", "debiased", "hcl", "rince", "macl"} {
			t.Run(memory+" "+loss, func(t *testing.T) {
				c, err := tiny(func(c *config.Contrast) { c.Memory, c.Relatives.Loss, c.FT = memory, loss, "posneg" })
				learns(t, c, err)
			})
		}
	}
}

// So does every kind of architecture.
func TestArchitectures(t *testing.T) {
	for _, arch := range []string{"resnet50", "resnext50", "resnest50", "wide_resnet50_2"} {
		t.Run(arch, func(t *testing.T) {
			c, err := tiny(func(c *config.Contrast) { c.Arch = arch })
			learns(t, c, err)
		})
	}
}

// learns checks that err is nil and that the first step of the configuration has a finite
// loss and gives every parameter a gradient.
func learns(t *testing.T, c config.Contrast, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if _, flat := firstStep(t, c); len(flat) > 0 {
		t.Errorf("no gradient of %v", flat)
	}
}
