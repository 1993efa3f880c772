package study

import (
	"fmt"
	"slices"

	"contralens/config"
)

// images are the options of a training that its evaluations share: which images there are and where they are kept,
// the processors, and the seed.
var images = append(imageOptions(), "num_workers", "threads", "device", "gpu", "seed")

// imageOptions returns the options of config.Data but for the batch size.
func imageOptions() (names []string) {
	for _, f := range config.Fields(&config.Data{}) {
		if f.Name != "batch_size" {
			names = append(names, f.Name)
		}
	}
	return names
}

// network are the options of a training that its checkpoint records. An evaluation of a
// program's checkpoint, which may have no record, needs them.
var network = []string{"arch", "width", "stem", "modal", "input_res", "gray16"}

// Network returns the names of the options that describe a network.
func Network() []string { return slices.Clone(network) }

// CheckLabels returns an error if an evaluation of a cell needs labels and there are fewer than two classes, or if it
// needs more labels per class than the smallest class of the training images has.
func (s *Study) CheckLabels(c Cell, classes int, smallest string, images int) error {
	for _, e := range s.Evaluations {
		if e.Labeled() && !s.Arms[c.Arm].Untrained && classes < 2 {
			return s.at(e.line, fmt.Errorf("evaluations: %s: want images in folders of at least 2 classes, got %d; without "+
				"labels, a study can compare scores: evaluations: {scores: {}}", e.Measure(), classes))
		}
		if e.Labels > images && (!c.Validates() || e.Measure() == s.Tuning.By) {
			return s.at(e.line, fmt.Errorf("evaluations: fewshot: want at most %d labels per class, the number of training "+
				"images of %s, got %d", images, smallest, e.Labels))
		}
	}
	return nil
}

// KNN returns the options of a k-NN evaluation of a training, with the names of those that
// were set. The caller adds the checkpoint.
func (s *Study) KNN(c config.Contrast, e Evaluation) (config.KNN, map[string]bool, error) {
	k := config.DefaultKNN()
	k.Untrained = false
	set, err := evaluation(&k, c, e)
	if err == nil {
		_, err = k.Resolve(set)
	}
	return k, set, err
}

// Linear returns the options of a cached linear probe of a training, or of one with few
// labels, likewise.
func (s *Study) Linear(c config.Contrast, e Evaluation) (config.Linear, map[string]bool, error) {
	l := config.DefaultLinear()
	l.Cached, l.Solver, l.FewShot = true, "lbfgs", e.Labels
	l.Overwrite = true // a probe takes seconds; what a killed one left is made again
	set, err := evaluation(&l, c, e)
	if err != nil {
		return l, nil, err
	}
	l.Suit(set)
	_, err = l.Resolve(set)
	return l, set, err
}

// evaluation sets the options of an evaluation: those of the training that concern it, then
// its own.
func evaluation(to any, c config.Contrast, e Evaluation) (set map[string]bool, err error) {
	fields, values := config.Fields(to), config.Values(&c)
	set = map[string]bool{}
	shared := slices.Concat(images, network)
	for _, name := range shared {
		if f := config.Find(fields, name); f != nil {
			if err := f.Set(values[name]); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			set[f.Name] = slices.Contains(images, name)
		}
	}
	for _, o := range e.Options {
		f := config.Find(fields, o.Name)
		switch {
		case f == nil || f.Ignored || f.Hidden || f.Name == "json": // a study prints its own report
			return nil, fmt.Errorf("there is no option %q%s", o.Name, nearestOption(fields, o.Name))
		case slices.Contains(shared, f.Name) || f.Name == "ckpt" || f.Name == "few_shot":
			return nil, fmt.Errorf("%s cannot be set here: it is that of the training", f.Name)
		case whyReserved(f.Name) != "":
			return nil, fmt.Errorf("%s cannot be set here: %s", f.Name, whyReserved(f.Name))
		}
		if err := f.Set(o.Value); err != nil {
			return nil, fmt.Errorf("%s: %w", o.Name, err)
		}
		set[f.Name] = true
	}
	return set, nil
}

// DetectionCommand returns the command line of a training of a detector.
func DetectionCommand(c config.DetectTrain) []string {
	d := config.DefaultDetectTrain()
	return commandLine([]string{"contralens", "detect", "train"}, &c, &d)
}

// commandLine returns the command line of a configuration: the options that differ from the
// defaults of the command, after the given words.
func commandLine(words []string, c, usual any) []string {
	before := config.Values(usual)
	for _, f := range config.Fields(c) {
		if v := f.String(); !f.Ignored && v != before[f.Name] {
			words = append(words, "--"+f.Name+"="+v)
		}
	}
	return words
}

// KNNCommand returns the command line of a k-NN evaluation.
func KNNCommand(c config.KNN) []string {
	d := config.DefaultKNN()
	return commandLine([]string{"contralens", "knn"}, &c, &d)
}

// LinearCommand returns the command line of a linear probe.
func LinearCommand(c config.Linear) []string {
	d := config.DefaultLinear()
	return commandLine([]string{"contralens", "linear"}, &c, &d)
}
