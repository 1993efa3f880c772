package train

import (
	"fmt"

	"contralens/contrast"
	"contralens/internal/humanize"
	"contralens/setup"
)

// objective says what the loss is: its name unless it is InfoNCE, its value at chance unless
// that depends on the scores, and what is added to negatives and images.
func (r *Run) objective() (text string) {
	c := r.Config
	k, synthesis := r.negatives(), setup.Synthesis(c.Relatives)
	if c.Memory != "moco" && c.Memory != "bank" && c.Memory != "batch" {
		return ""
	}
	switch loss := r.Model.Loss; {
	case c.Memory == "batch" && loss == nil: // the log has the level, which depends on the transformation
	case c.Memory == "batch":
		text = "; --loss " + c.Relatives.Loss
	case loss == nil:
		text = fmt.Sprintf("; loss at chance ln(K+1) = %.3f", contrast.Chance(k))
	case loss.Chance(k) == 0:
		text = "; --loss " + c.Relatives.Loss
	default:
		text = fmt.Sprintf("; --loss %s, at chance %.3f", c.Relatives.Loss, contrast.Chance(loss.Chance(k)))
	}
	if synthesis != nil {
		text += fmt.Sprintf("; %s of --synthetic %s from epoch %d on", humanize.Count(synthesis.Len(), "negative"),
			c.Synthetic, c.SyntheticStart+1)
		all := k + synthesis.Len()
		if r.Model.Loss != nil {
			all = r.Model.Loss.Chance(all)
		}
		if all > 0 {
			text += fmt.Sprintf(", at chance %.3f then", contrast.Chance(all))
		}
	}
	if c.TauAuto {
		text += fmt.Sprintf("; τ begins at %v", c.Temperature)
	}
	if c.HighestTau > 0 {
		text += fmt.Sprintf("; τ between %v and %v (--nce_t_high)", c.Temperature, c.HighestTau)
	}
	if c.ImageMixup != "none" {
		text += "; images of queries are mixed (--image_mixup " + c.ImageMixup + ")"
	}
	return text
}
