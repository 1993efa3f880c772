package config

// Encoder are the options that say what encoder to use and how to run it.
type Encoder struct {
	Ckpt      string  `flag:"ckpt" help:"checkpoint of the encoder, of any origin"`
	UseEMA    bool    `flag:"use_ema" help:"take the key encoder's weights"`
	Strict    bool    `flag:"strict" help:"refuse weights that differ from the network in any tensor"`
	Arch      string  `flag:"arch" help:"architecture, instead of the checkpoint's"`
	Width     float64 `flag:"width" help:"multiplies all channels, instead of the checkpoint's"`
	Stem      string  `flag:"stem" help:"imagenet or cifar, instead of the checkpoint's"`
	InputRes  int     `flag:"input_res" help:"side of a view in pixels, instead of the checkpoint's; 224 when it doesn't say"`
	BatchSize int     `flag:"batch_size" help:"images at once"`
	Workers   int     `flag:"num_workers" short:"j" help:"goroutines that load images; 0: one a processor"`
	Amp       bool    `flag:"amp" help:"mixed precision (bfloat16 on a CPU)"`
	Device    string  `flag:"device" help:"cpu or cuda:N"`
	Threads   int     `flag:"threads" help:"compute threads; 0: one a processor"`
}

// Features are the options of writing the embeddings of a folder.
type Features struct {
	Encoder
	Out   string `flag:"out" short:"o" help:"file to write: .parquet, or .npy with a .txt of the paths beside it"`
	Fresh bool   `flag:"fresh" help:"start afresh instead of going on with what an interrupted command left"`
}

// Neighbors are the options of showing an image's nearest neighbors.
type Neighbors struct {
	Encoder
	In   string `flag:"in" help:"file that contralens features wrote"`
	Out  string `flag:"out" short:"o" help:"picture to write, a .png"`
	K    int    `flag:"neighbors" short:"k" help:"images to show"`
	JSON bool   `flag:"json" help:"print the neighbors as JSON"`
}

// Shared are the same options as the evaluation commands have them.
func (e Encoder) Shared() Shared {
	s := defaultShared()
	s.Strict, s.Arch, s.Width, s.Stem, s.InputRes = e.Strict, e.Arch, e.Width, e.Stem, e.InputRes
	s.BatchSize, s.Workers, s.Amp, s.Device, s.Threads = e.BatchSize, e.Workers, e.Amp, e.Device, e.Threads
	return s
}

func defaultEncoder() Encoder {
	s := defaultShared()
	return Encoder{Arch: s.Arch, Width: s.Width, Stem: s.Stem, InputRes: s.InputRes, BatchSize: 64, Device: s.Device}
}

// DefaultFeatures are the defaults of writing embeddings.
func DefaultFeatures() Features { return Features{Encoder: defaultEncoder()} }

// DefaultNeighbors are the defaults of showing neighbors.
func DefaultNeighbors() Neighbors { return Neighbors{Encoder: defaultEncoder(), K: 23} }

func (e Encoder) check() error {
	return first(atLeast("batch_size", e.BatchSize, 1), atLeast("num_workers", e.Workers, 0), atLeast("threads", e.Threads, 0), atLeast("input_res", e.InputRes, 8), positive("width", e.Width),
		atMost("batch_size", e.BatchSize, mostBatch), atMost("num_workers", e.Workers, mostWorkers), atMost("threads", e.Threads, mostWorkers), atMost("input_res", e.InputRes, mostSide))
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
