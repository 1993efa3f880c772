package dashboard

import (
	"fmt"
	"math"
)

const (
	// grown is the age in steps at which features that are still close together, and no
	// longer move apart, are a problem. Before, they are usual.
	grown = 2000
	// collapsed is the age at which features that are nearly one point are.
	collapsed = 1000
)

// closeness is how features lie on the sphere, and where they are heading. Features spread
// evenly over a sphere of many dimensions have a uniformity near -4 and scores around 0;
// collapsed ones have uniformity 0 and scores of 1.
type closeness struct {
	close, onePoint bool
	rising, falling bool // the closeness, compared with the middle of the run
	evidence        []string
}

func (e Evidence) closeness() (s closeness) {
	u, okU := e.Recent["uniformity"]
	// A queue that is not full has random keys, whose scores are near 0.
	m, okM := e.raw("neg_mean")
	s.close = okU && u >= -1 || okM && m > 0.5
	s.onePoint = okU && u > -0.15 || !okU && okM && m > 0.9
	if !s.close {
		return s
	}
	heading := func(name, title string, now float64, up, down float64, extremes string) {
		before, known := e.Earlier[name]
		text := fmt.Sprintf("%s %.2f (%s)", title, hundredths(now), extremes)
		if known {
			text = fmt.Sprintf("%s %.2f, after half of the steps %.2f (%s)",
				title, hundredths(now), hundredths(before), extremes)
			s.rising = s.rising || now-before > up
			s.falling = s.falling || before-now > down
		}
		s.evidence = append(s.evidence, text)
	}
	if okU {
		heading("uniformity", "uniformity", u, 0.1, 0.05, "evenly spread features: about -4, one point: 0")
	}
	if okM {
		up, down := 0.05, 0.03
		if okU { // the better measure of both: scores also rise while a queue fills
			up, down = 2, 2
		}
		name := "neg_mean"
		if _, ok := e.Recent["raw_neg_mean"]; ok {
			name = "raw_neg_mean"
		}
		heading(name, "negatives: mean score", m, up, down, "different directions: about 0")
	}
	return s
}

// hundredths rounds x to two decimals, without a zero that prints as -0.00.
func hundredths(x float64) float64 { return math.Round(100*x)/100 + 0 }

// together: all features point nearly the same way. In a young run they do, because an
// untrained network maps all images to nearly one point. Whether that is a collapse
// depends on where they are heading, and on the age of the run.
func together(e Evidence) *Finding {
	s := e.closeness()
	if !s.close {
		return nil
	}
	alpha := "a momentum α closer to 1, "
	if e.Memory == "bank" || e.Memory == "batch" || e.Memory == "none" {
		alpha = "" // no key encoder
	}
	f := &Finding{Rule: "collapse", Kind: "warning", Evidence: s.evidence,
		Text: "Different images get nearly the same features, so there is little left to tell apart. A lower learning " +
			"rate, a warm-up, " + alpha + "or a later start of the feature transformation may help."}
	switch {
	case s.rising:
		f.Title = "The features are collapsing"
	case s.onePoint && !s.falling && (e.Step >= collapsed || e.Collapse > 0):
		f.Title = "The features have collapsed"
		if e.Collapse > 0 {
			f.Evidence = append(f.Evidence,
				fmt.Sprintf("the training warned of it at step %d: the loss stayed that of chance", e.Collapse))
		}
	case !s.falling && e.Step >= grown:
		f.Title = "The features stay close together"
	default:
		f.Rule, f.Kind, f.Title = "close", "note", "The features are still close together"
		f.Text = "That is usual early in training: an untrained network maps all images to nearly one point. Watch " +
			"the uniformity, which should fall."
		if s.falling {
			f.Text = "They are moving apart, as they should. Watch the uniformity, which should go on falling."
		}
		f.Evidence = append(f.Evidence, fmt.Sprintf("%d steps are done", e.Step))
	}
	return f
}
