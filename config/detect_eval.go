package config

// DetectEval are the options of detect eval, which tests a detector, or detections in a file.
type DetectEval struct {
	_         struct{} `group:"network"`
	Ckpt      string   `flag:"ckpt" everyday:"true" help:"checkpoint of a detector, from detect train or Detectron2"`
	Found     string   `flag:"results" group:"data" everyday:"true" help:"detections to judge instead of a checkpoint's: a JSON in COCO's result format"`
	Out       string   `flag:"out" short:"o" group:"output" everyday:"true" help:"folder for result files, tables and pictures; empty: none are written"`
	Misses    int      `flag:"misses" default:"12" group:"output" help:"images on the contact sheet of the worst misses; 0: no sheet"`
	MinScore  float64  `flag:"score" default:"0.3" group:"output" help:"least score of detections in pictures"`
	BatchSize int      `flag:"batch_size" default:"1" group:"machine" help:"images per batch; one is what published numbers use"`
	DetectData
	AveragePrecision
	Machine
	Printing
}

// DefaultDetectEval returns the defaults of detect eval.
func DefaultDetectEval() (c DetectEval) {
	Defaults(&c)
	return c
}

// Resolve checks all values.
func (c *DetectEval) Resolve(map[string]bool) (warnings []string, err error) {
	warnings = c.settle()
	if c.Ckpt == "" && c.Found == "" {
		return nil, &ValueError{
			Option: "ckpt", Want: "a detector, or --results with detections",
			Hint: "for example --ckpt save/RUN/current.pth",
		}
	}
	if c.Ckpt != "" && c.Found != "" {
		return nil, &ValueError{
			Option: "results", Want: "detections instead of a --ckpt", Got: c.Found + " besides --ckpt " + c.Ckpt,
			Hint: "leave one of them out",
		}
	}
	return warnings, first(c.Machine.check(), c.DetectData.check(), c.AveragePrecision.check(),
		atLeast("misses", c.Misses, 0), within("score", c.MinScore, 0, 1), between("batch_size", c.BatchSize, 1, mostBatch))
}

// DetectPredict are the options of detect predict, which draws what a detector finds.
type DetectPredict struct {
	_         struct{} `group:"output" everyday:"true"`
	Ckpt      string   `flag:"ckpt" group:"network" help:"checkpoint of a detector, from detect train or Detectron2"`
	Out       string   `flag:"out" short:"o" default:"found.png" help:"PNG file of the picture; with several images a folder of pictures"`
	MinScore  float64  `flag:"score" default:"0.5" help:"least score of detections that are drawn; the JSON beside the picture has all"`
	TestShort int      `flag:"test_short" group:"data" help:"shorter side of the images for the network in pixels; 0: that of the training's tests, or 800"`
	MaxSide   int      `flag:"max_side" group:"data" help:"longest side in pixels; 0: that of the training, or 1333"`
	Gray16    string   `flag:"gray16" group:"data" help:"how 16-bit gray becomes 8-bit: clip, high or range; empty: as in the training, or clip"`
	Classes   string   `flag:"classes" group:"data" help:"names of the classes, separated by commas, if the checkpoint has none"`
	Threads   int      `flag:"threads" group:"machine" help:"compute threads; 0: one per processor, 1 on a GPU"`
	Device    string   `flag:"device" default:"auto" group:"machine" help:"auto, cpu, cuda or cuda:N; auto is the first GPU that can be used, otherwise the CPU"`
	JSON      bool     `flag:"json" help:"print one JSON object per image, each on a line"`
}

// DefaultDetectPredict returns the defaults of detect predict.
func DefaultDetectPredict() (c DetectPredict) {
	Defaults(&c)
	return c
}

// Resolve checks all values.
func (c *DetectPredict) Resolve(map[string]bool) (warnings []string, err error) {
	if c.Ckpt == "" {
		return nil, &ValueError{
			Option: "ckpt", Want: "a detector", Hint: "for example --ckpt save/RUN/current.pth, as detect train writes it",
		}
	}
	if c.Gray16 != "" {
		err = gray16(c.Gray16)
	}
	for _, s := range []struct {
		name string
		side int
	}{{"test_short", c.TestShort}, {"max_side", c.MaxSide}} {
		if s.side != 0 {
			err = first(err, between(s.name, s.side, leastSide, mostSide))
		}
	}
	return nil, first(err, within("score", c.MinScore, 0, 1), between("threads", c.Threads, 0, mostWorkers))
}
