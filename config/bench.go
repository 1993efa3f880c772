package config

// BenchViews are the options of measuring the loader.
type BenchViews struct {
	_          struct{} `group:"data" everyday:"true"`
	DataFolder string   `flag:"data_folder" default:"./data" help:"folder with photos of the size to train on, more of them than fit a cache"`
	Pipelines  string   `flag:"pipelines" default:"B,NULL" help:"augmentations to measure, separated by commas: A, B, C, D, E, NULL, RA, jigsaw, eval"`
	Views      int      `flag:"views" help:"views per image; 0: as the pipeline is used: two for A to E, one for others"`
	InputRes   int      `flag:"input_res" default:"224" help:"side of a view in pixels"`
	Crop       float64  `flag:"crop" default:"0.2" help:"smallest share of the image's area that a random crop covers"`
	Workers    int      `flag:"num_workers" short:"j" group:"machine" help:"measure with 1 and with this many workers; 0: one per processor"`
	Decode     string   `flag:"decode" default:"both" help:"fast, exact or both"`
	Seconds    float64  `flag:"seconds" default:"9" group:"machine" help:"seconds to measure each, in rounds that alternate"`
	Peer       string   `flag:"peer" group:"machine" help:"program to compare with: it is called with FOLDER PIPELINE VIEWS SIZE SECONDS and prints images per second of processor time (bench/peer/views.py)"`
	JSON       bool     `flag:"json" group:"output" help:"print a line of JSON for each measurement"`
}

// DefaultBenchViews are the defaults of measuring the loader.
func DefaultBenchViews() (c BenchViews) {
	Defaults(&c)
	return c
}

// Resolve says what cannot work.
func (c *BenchViews) Resolve(map[string]bool) ([]string, error) {
	return nil, first(fraction("crop", c.Crop), positive("seconds", c.Seconds),
		oneOf("decode", c.Decode, "fast", "exact", "both"),
		between("views", c.Views, 0, 64), between("input_res", c.InputRes, 1, mostSide),
		between("num_workers", c.Workers, 0, mostWorkers))
}

// BenchStep are the options of measuring a training step: those of pre-training,
// and how it is measured.
type BenchStep struct {
	Contrast    `hides:"init strict resume name model_path tb_path overwrite save_freq keep exp_iter probe knn_every world-size rank dist-url dist-backend multiprocessing-distributed"`
	Steps       int  `flag:"steps" default:"8" group:"machine" everyday:"true" help:"steps to measure"`
	Warmup      int  `flag:"warmup" default:"3" group:"machine" everyday:"true" help:"steps before them"`
	NetworkOnly bool `flag:"network_only" group:"machine" everyday:"true" help:"measure only forward and backward of the encoder, on random images"`
	Printing
}

// DefaultBenchStep are the defaults of measuring a step: MoCo v2 with the paper's
// feature transformation, on generated photos.
func DefaultBenchStep() (c BenchStep) {
	Defaults(&c)
	c.Method, c.FT, c.DataFolder = "MoCov2", "posneg", ""
	return c
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
		return nil, &ValueError{
			Option: "warmup",
			Want:   "1 step or more", Got: c.Warmup,
			Hint: "the first step allocates memory, which later ones don't",
		}
	}
	if err := first(between("steps", c.Steps, 1, 1<<20), atMost("warmup", c.Warmup, 1<<20)); err != nil {
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
		{c.Resume != "", "--resume is not read: steps start from random weights, " +
			"and are computed as --precision and --memory_format say"},
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
