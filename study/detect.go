package study

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"contralens/config"
)

// DetectorsDir is the folder of the run directories of detectors in that of a study.
const DetectorsDir = "detectors"

// precisions are the measures of Detect: average precisions of boxes, then of masks.
var precisions = []string{"AP", "AP50", "AP75", "mask_AP", "mask_AP50", "mask_AP75"}

// ofBoxes is the number of precisions that are those of boxes.
const ofBoxes = 3

// isPrecision reports whether a measure is an average precision.
func isPrecision(measure string) bool { return slices.Contains(precisions, measure) }

// isAccuracy reports whether a measure is an accuracy, by which settings can be tuned.
func isAccuracy(measure string) bool { return !isStatistic(measure) && !isPrecision(measure) }

// precisionTitle is the heading of an average precision.
func precisionTitle(measure string) string {
	if kind, ok := strings.CutPrefix(measure, "mask_"); ok {
		return kind + " of masks"
	}
	return measure + " of boxes"
}

// describe writes the options of an arm as typed, or that it has no training.
func (a Arm) describe() string {
	if a.Untrained {
		return "untrained"
	}
	return describe(a.Options)
}

// Detects reports whether the encoders are evaluated by training detectors on them.
func (s *Study) Detects() bool {
	return slices.ContainsFunc(s.Evaluations, func(e Evaluation) bool { return e.Protocol == Detect })
}

// Detection returns the options of a detector on the encoder of a training, with the names of those
// that were set: those of the recipe that the evaluation's option config names, then those of the
// training that concern it (network, machine, seed), then the evaluation's own. Annotated images lie
// in the folder that all arms share unless the evaluation has another one. The caller adds the
// checkpoint and the names of the run.
func (s *Study) Detection(c config.Contrast, e Evaluation) (d config.DetectTrain, set map[string]bool, err error) {
	d = config.DefaultDetectTrain()
	var own []Option
	for _, o := range e.Options {
		if o.Name != "config" {
			own = append(own, o)
			continue
		}
		if _, err := config.ReadYAML(o.Value, &d); err != nil {
			return d, nil, errors.New(strings.TrimPrefix(err.Error(), "--"))
		}
	}
	fields, values := config.Fields(&d), config.Values(&c)
	set = map[string]bool{}
	for _, name := range ofDetector {
		if err := config.Find(fields, name).Set(values[name]); err != nil {
			return d, nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := config.Find(fields, "data_folder").Set(s.photos()); err != nil {
		return d, nil, fmt.Errorf("data_folder: %w", err)
	}
	for _, o := range own {
		f := config.Find(fields, o.Name)
		switch {
		case f == nil || f.Ignored || f.Hidden || f.Name == "json": // a study prints its own report
			return d, nil, fmt.Errorf("there is no option %q%s", o.Name, nearestOption(fields, o.Name))
		case slices.Contains(ofDetector, f.Name) || f.Name == "ckpt":
			return d, nil, fmt.Errorf("%s cannot be set here: it is that of the training", f.Name)
		case whyReserved(f.Name) != "":
			return d, nil, fmt.Errorf("%s cannot be set here: %s", f.Name, whyReserved(f.Name))
		}
		if err := f.Set(o.Value); err != nil {
			return d, nil, fmt.Errorf("%s: %w", o.Name, err)
		}
		set[f.Name] = true
	}
	_, err = d.Resolve(set)
	return d, set, err
}

// ofDetector are the options of a training that a detector on its encoder shares.
var ofDetector = []string{"arch", "width", "num_workers", "threads", "device", "gpu", "seed"}

// photos returns the folder that all arms share, in which annotated images are looked for.
func (s *Study) photos() (folder string) {
	var c config.Contrast
	config.Defaults(&c)
	folder = c.DataFolder
	if f, ok := s.recipe["data_folder"]; ok {
		folder = f
	}
	for _, o := range s.common() {
		if strings.ReplaceAll(o.Name, "-", "_") == "data_folder" {
			folder = o.Value
		}
	}
	return folder
}

// detections adds an evaluation for each average precision of a detector. One training of the
// detector gives all of them.
func (p *parser) detections(v Evaluation) error {
	d, _, err := p.Detection(config.DefaultContrast(), v)
	if err != nil {
		return p.at(v.line, fmt.Errorf("evaluations: %s: %w", Detect, err))
	}
	all := precisions
	if !d.Masks {
		all = precisions[:ofBoxes]
	}
	for _, series := range all {
		v.Series = series
		p.Evaluations = append(p.Evaluations, v)
	}
	return nil
}

// checkDetection refuses encoders on which no detector can be built.
func (p *parser) checkDetection(c config.Contrast, e Evaluation) error {
	if c.Stem != "imagenet" || c.Modal != "RGB" {
		return fmt.Errorf("a detector wants an encoder with stem: imagenet and modal: RGB, got stem: %s and modal: %s",
			c.Stem, c.Modal)
	}
	_, _, err := p.Detection(c, e)
	return err
}

// checkUntrained refuses arms without a training that nothing evaluates, or that another key
// would train.
func (p *parser) checkUntrained() error {
	for _, a := range p.Arms {
		var err error
		switch {
		case !a.Untrained:
		case !p.Detects():
			err = fmt.Errorf("arm %s: untrained: want the evaluation %s, which trains the encoder; the others compare what "+
				"was trained", a.Name, Detect)
		case p.Tuning != nil:
			err = fmt.Errorf("arm %s: untrained: want no tuning in the study, because there is nothing to tune", a.Name)
		case a.Program != nil:
			err = fmt.Errorf("arm %s: want untrained or a program, got both", a.Name)
		default:
			i := slices.IndexFunc(a.Options, func(o Option) bool { return !ofUntrained(official(o.Name)) })
			if i >= 0 {
				err = fmt.Errorf("arm %s: untrained: want no option but those of the network and the images, because "+
					"nothing is trained; got %s", a.Name, a.Options[i].Name)
			}
		}
		if err != nil {
			return p.at(a.line, err)
		}
	}
	return nil
}

// ofUntrained reports whether an option has an effect in an arm without a training: it is one of the network or of
// the images.
func ofUntrained(name string) bool {
	return slices.Contains(images, name) || slices.Contains(network, name)
}
