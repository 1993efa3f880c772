package config

import "fmt"

// BenchViews are the options of measuring the loader.
type BenchViews struct {
	DataFolder string  `flag:"data_folder" help:"folder with the images; photos of the size that will be trained on, more of them than fit a cache"`
	Pipelines  string  `flag:"pipelines" help:"what to measure, separated by commas: A, B, C, D, E, NULL, RA, jigsaw, eval"`
	Views      int     `flag:"views" help:"views of an image; 0: what the pipeline is used with, two for A to E, else one"`
	InputRes   int     `flag:"input_res" help:"side of a view in pixels"`
	Crop       float64 `flag:"crop" help:"smallest share of the image's area that a crop takes"`
	Workers    int     `flag:"num_workers" short:"j" help:"measure with 1 and with this many workers; 0: one a processor"`
	Decode     string  `flag:"decode" help:"fast, exact or both"`
	Seconds    float64 `flag:"seconds" help:"how long to measure each, in rounds that alternate"`
	Peer       string  `flag:"peer" help:"program to compare with: it is given FOLDER PIPELINE VIEWS SIZE SECONDS and prints images per second of processor time (bench/peer/views.py)"`
	JSON       bool    `flag:"json" help:"print a line of JSON for each"`
}

// DefaultBenchViews are the defaults of measuring the loader.
func DefaultBenchViews() BenchViews {
	return BenchViews{DataFolder: "./data", Pipelines: "B,NULL", InputRes: 224, Crop: 0.2, Decode: "both", Seconds: 9}
}

// Resolve says what cannot work.
func (c *BenchViews) Resolve(map[string]bool) ([]string, error) {
	return nil, first(fraction("crop", c.Crop), positive("seconds", c.Seconds), oneOf("decode", c.Decode, "fast", "exact", "both"), atLeast("views", c.Views, 0), atLeast("input_res", c.InputRes, 1),
		atLeast("num_workers", c.Workers, 0), atMost("num_workers", c.Workers, mostWorkers), atMost("input_res", c.InputRes, mostSide), atMost("views", c.Views, 64))
}

// BenchStep are the options of measuring a training step: those of pre-training,
// and how it is measured.
type BenchStep struct {
	Contrast
	Steps       int  `flag:"steps" help:"steps that are measured"`
	Warmup      int  `flag:"warmup" help:"steps before them"`
	NetworkOnly bool `flag:"network_only" help:"measure forward and backward of the encoder alone, on random images"`
	JSON        bool `flag:"json" help:"print the result as JSON"`
}

// DefaultBenchStep are the defaults of measuring a step: MoCo v2 with the paper's
// feature transformation, on generated photos.
func DefaultBenchStep() BenchStep {
	c := DefaultContrast()
	c.Method, c.FT, c.DataFolder = "MoCov2", "posneg", ""
	return BenchStep{Contrast: c, Steps: 8, Warmup: 3}
}

// Resolve applies presets and says what cannot work.
func (c *BenchStep) Resolve(set map[string]bool) (warnings []string, err error) {
	if !set["ft"] && !Memories[Methods[c.Method].Memory].Negatives && c.Method != "Customize" {
		c.FT = "pos"
	}
	c.Milestones = nil // none comes in so few steps
	if warnings, err = c.Contrast.Resolve(set); err != nil {
		return nil, err
	}
	if c.Warmup < 1 {
		return nil, fmt.Errorf("--warmup: want 1 step or more, got %d: the first step makes room in memory, which later ones don't", c.Warmup)
	}
	if err := first(atLeast("steps", c.Steps, 1), atMost("steps", c.Steps, 1<<20), atMost("warmup", c.Warmup, 1<<20)); err != nil {
		return nil, err
	}
	warnings = append(warnings, c.unread()...)
	c.MixEpoch, c.MixStep, c.MixStart = 0, 0, ""
	c.Epochs = max(c.Epochs, c.Warmup+c.Steps)
	return warnings, nil
}

// unread says which options have no effect although one could expect it.
func (c *BenchStep) unread() (notes []string) {
	for _, o := range []struct {
		given bool
		note  string
	}{
		{c.Resume != "", "--resume is not read: steps start from random weights, and are computed as --precision and --memory_format say"},
		{c.Init != "", "--init is not read: steps start from random weights"},
		{c.KNNEvery > 0, "--knn_every is not measured: it comes between epochs, not in a step"},
		{c.Probe > 0, "--probe is not measured: it comes between epochs, not in a step"},
		{c.Dataset != "" && c.DataFolder == "", "--dataset is not read without --data_folder: photos are generated"},
	} {
		if o.given {
			notes = append(notes, o.note)
		}
	}
	return notes
}
