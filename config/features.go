package config

// Encoder are the options that say what encoder to use and how to run it.
type Encoder struct {
	Ckpt      string  `flag:"ckpt" group:"network" everyday:"true" repeat:"true" help:"checkpoint of the encoder, of any origin"`
	UseEMA    bool    `flag:"use_ema" group:"network" everyday:"true" help:"use the key encoder's weights"`
	Strict    bool    `flag:"strict" group:"network" everyday:"true" repeat:"true" help:"refuse weights that differ from the network in any tensor"`
	Arch      string  `flag:"arch" default:"resnet50" group:"network" everyday:"true" help:"architecture, in place of the checkpoint's"`
	Width     float64 `flag:"width" default:"1" group:"network" everyday:"true" help:"factor on all channels, in place of the checkpoint's"`
	Stem      string  `flag:"stem" default:"imagenet" group:"network" everyday:"true" help:"imagenet or cifar, in place of the checkpoint's"`
	InputRes  int     `flag:"input_res" default:"224" group:"network" everyday:"true" help:"side of a view in pixels, in place of the checkpoint's; 224 where it has none"`
	BatchSize int     `flag:"batch_size" default:"64" group:"machine" everyday:"true" help:"images per batch"`
	Workers   int     `flag:"num_workers" short:"j" group:"machine" everyday:"true" runtime:"true" help:"workers that load images; 0: one per processor"`
	Amp       bool    `flag:"amp" group:"machine" everyday:"true" help:"mixed precision (bfloat16 on a CPU)"`
	Device    string  `flag:"device" default:"cpu" group:"machine" everyday:"true" runtime:"true" help:"cpu or cuda:N"`
	Threads   int     `flag:"threads" group:"machine" everyday:"true" runtime:"true" help:"compute threads; 0: one per processor"`
}

// Features are the options of writing the features of a folder of images.
type Features struct {
	Encoder
	Out   string `flag:"out" short:"o" group:"output" everyday:"true" help:"file to write: .parquet, or .npy with a .txt of the paths beside it"`
	Fresh bool   `flag:"fresh" group:"output" everyday:"true" help:"start anew, in place of resuming what an interrupted command left"`
}

// Neighbors are the options of showing an image's nearest neighbors.
type Neighbors struct {
	Encoder
	In   string `flag:"in" group:"data" everyday:"true" help:"file that contralens features wrote"`
	Out  string `flag:"out" short:"o" group:"output" everyday:"true" help:"picture to write, a .png"`
	K    int    `flag:"neighbors" short:"k" alias:"neighbours" default:"23" group:"output" everyday:"true" help:"images to show"`
	JSON bool   `flag:"json" group:"output" everyday:"true" help:"print the neighbors as JSON"`
}

// Options are the same options as the evaluation commands have them.
func (e *Encoder) Options() (n Net, m Machine, w Weights) {
	Defaults(&n)
	Defaults(&m)
	n.Arch, n.Width, n.Stem, n.InputRes = e.Arch, e.Width, e.Stem, e.InputRes
	m.Workers, m.Amp, m.Device, m.Threads = e.Workers, e.Amp, e.Device, e.Threads
	return n, m, Weights{Ckpt: e.Ckpt, UseEMA: e.UseEMA, Strict: e.Strict}
}

// DefaultFeatures are the defaults of writing features.
func DefaultFeatures() (c Features) {
	Defaults(&c)
	return c
}

// DefaultNeighbors are the defaults of showing neighbors.
func DefaultNeighbors() (c Neighbors) {
	Defaults(&c)
	return c
}

func (e *Encoder) check() error {
	return first(atLeast("batch_size", e.BatchSize, 1), atLeast("num_workers", e.Workers, 0), atLeast("threads", e.Threads, 0),
		atLeast("input_res", e.InputRes, 8), positive("width", e.Width), atMost("batch_size", e.BatchSize, mostBatch),
		atMost("num_workers", e.Workers, mostWorkers), atMost("threads", e.Threads, mostWorkers), atMost("input_res", e.InputRes, mostSide))
}

// Resolve says what cannot work.
func (c *Features) Resolve(map[string]bool) ([]string, error) { return nil, c.check() }

// Resolve says what cannot work.
func (c *Neighbors) Resolve(map[string]bool) ([]string, error) {
	err := first(c.check(), atLeast("neighbors", c.K, 1))
	if err == nil && c.Out != "" {
		err = picture("out", c.Out)
	}
	return nil, err
}
