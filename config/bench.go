package config

// BenchViews are the options of bench views, which measures the loader.
type BenchViews struct {
	_          struct{} `group:"data" everyday:"true"`
	DataFolder string   `flag:"data_folder" default:"./data" help:"folder with photos of the size to train on, too many to fit in a cache"`
	Pipelines  string   `flag:"pipelines" default:"B,NULL" help:"augmentations to measure, separated by commas: A, B, C, D, E, NULL, RA, jigsaw, eval"`
	Views      int      `flag:"views" help:"views per image; 0: two for A to E, one for the others"`
	InputRes   int      `flag:"input_res" default:"224" help:"side of a view in pixels"`
	Crop       float64  `flag:"crop" default:"0.2" help:"smallest share of the image's area in a random crop"`
	Workers    int      `flag:"num_workers" short:"j" group:"machine" help:"workers: measure with 1 and with this number; 0: one per processor"`
	Decode     string   `flag:"decode" default:"both" help:"fast, exact or both"`
	Seconds    float64  `flag:"seconds" default:"9" group:"machine" help:"seconds to measure each pipeline; rounds alternate"`
	Peer       string   `flag:"peer" group:"machine" help:"program to compare with, called as PROGRAM FOLDER PIPELINE VIEWS SIZE SECONDS; it prints images per second of processor time (see bench/peer/views.py)"`
	JSON       bool     `flag:"json" group:"output" help:"print each measurement as a line of JSON"`
}

// DefaultBenchViews returns the defaults of bench views.
func DefaultBenchViews() (c BenchViews) {
	Defaults(&c)
	return c
}

// Resolve checks all values.
func (c *BenchViews) Resolve(map[string]bool) ([]string, error) {
	return nil, first(fraction("crop", c.Crop), positive("seconds", c.Seconds),
		oneOf("decode", c.Decode, "fast", "exact", "both"),
		between("views", c.Views, 0, 64), between("input_res", c.InputRes, 1, mostSide),
		between("num_workers", c.Workers, 0, mostWorkers))
}

// BenchStep are the options of bench step, which measures a training step: those of
// pre-training, and how many steps to measure.
type BenchStep struct {
	Contrast    `hides:"init strict resume name model_path tb_path overwrite save_freq keep exp_iter probe spectrum stop knn_every world-size rank dist-url dist-backend multiprocessing-distributed nproc dist_timeout dist_stall dist_join"`
	Steps       int  `flag:"steps" default:"8" group:"machine" everyday:"true" help:"steps to measure"`
	Warmup      int  `flag:"warmup" default:"3" group:"machine" everyday:"true" help:"steps before the measured ones"`
	NetworkOnly bool `flag:"network_only" group:"machine" everyday:"true" help:"measure only the encoder's forward and backward pass, on random images"`
	Printing
}

// DefaultBenchStep returns the defaults of bench step: MoCo v2 with the paper's feature
// transformation, on generated photos.
func DefaultBenchStep() (c BenchStep) {
	Defaults(&c)
	c.Method, c.FT, c.DataFolder = "MoCov2", "posneg", ""
	return c
}

// Resolve applies presets and checks all values.
func (c *BenchStep) Resolve(set map[string]bool) (warnings []string, err error) {
	if !set["ft"] && !Memories[Methods[c.Method].Memory].Negatives && c.Method != "Customize" {
		c.FT = "pos"
	}
	c.Milestones = nil // so few steps reach none
	if warnings, err = c.Contrast.Resolve(set); err != nil {
		return nil, err
	}
	if c.Warmup < 1 {
		return nil, &ValueError{
			Option: "warmup",
			Want:   "1 step or more", Got: c.Warmup,
			Hint: "the first step allocates memory; later ones reuse it",
		}
	}
	if err := first(between("steps", c.Steps, 1, 1<<20), atMost("warmup", c.Warmup, 1<<20)); err != nil {
		return nil, err
	}
	warnings = append(warnings, c.unread()...)
	c.MixEpoch, c.MixStep, c.MixStart, c.SyntheticStart = 0, 0, "", 0
	c.Epochs = max(c.Epochs, c.Warmup+c.Steps)
	return warnings, nil
}

// unread has a note for each option that was given and has no effect.
func (c *BenchStep) unread() (notes []string) {
	for _, o := range []struct {
		given bool
		note  string
	}{
		{c.Resume != "", "--resume is not read: steps start from random weights " +
			"and use --precision and --memory_format"},
		{c.Init != "", "--init is not read: steps start from random weights"},
		{c.KNNEvery > 0, "--knn_every is not measured: it runs between epochs, not in a step"},
		{c.Probe != DefaultContrast().Probe, "--probe is not measured: it runs between epochs, not in a step"},
		{c.Dataset != "" && c.DataFolder == "", "--dataset is not read without --data_folder: photos are generated"},
	} {
		if o.given {
			notes = append(notes, o.note)
		}
	}
	return notes
}

// BenchDetect are the options of bench detect, which measures training steps of a detector: those
// of detect train, and how many steps to measure.
type BenchDetect struct {
	DetectTrain `hides:"ckpt prefix use_ema data_folder layout train_split test_split classes test_limit limit label_fraction label_seed max_bad test_short gray16 topk_test num_workers eval_every save_every precise_bn voc_metric print_freq iterations lr_decay_iterations warmup schedule_batch resume name model_path tb_path overwrite sync_bn world-size rank dist-url dist-backend multiprocessing-distributed nproc dist_timeout dist_stall dist_join"`
	Steps       int `flag:"steps" default:"4" group:"machine" everyday:"true" help:"steps to measure"`
	Before      int `flag:"warmup_steps" default:"2" group:"machine" everyday:"true" help:"steps before the measured ones"`
}

// DefaultBenchDetect returns the defaults of bench detect.
func DefaultBenchDetect() (c BenchDetect) {
	Defaults(&c)
	c.BatchSize, c.ScheduleBatch, c.Short = 2, 0, []int{480}
	return c
}

// Resolve checks all values.
func (c *BenchDetect) Resolve(map[string]bool) (warnings []string, err error) {
	c.ScheduleBatch = 0
	if warnings, err = c.resolve(); err != nil { // without the notes about learning
		return nil, err
	}
	return warnings, first(between("steps", c.Steps, 1, 1<<20), between("warmup_steps", c.Before, 1, 1<<20))
}
