package config

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
