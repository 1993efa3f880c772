package config

import "path/filepath"

// Encoder are the options that select an encoder and how to run it.
type Encoder struct {
	_         struct{} `group:"network" everyday:"true"`
	Ckpt      string   `flag:"ckpt" repeat:"true" help:"checkpoint of the encoder, from this or another program"`
	UseEMA    bool     `flag:"use_ema" help:"use the key encoder's weights"`
	Prefix    string   `flag:"prefix" everyday:"false" help:"name prefix of the encoder to take, such as module.encoder_q, if a checkpoint has several"`
	Strict    bool     `flag:"strict" repeat:"true" help:"require the checkpoint's tensors to match the network exactly"`
	Arch      string   `flag:"arch" default:"resnet50" help:"architecture, in place of the checkpoint's"`
	Width     float64  `flag:"width" default:"1" help:"factor on the number of channels, in place of the checkpoint's"`
	Stem      string   `flag:"stem" default:"imagenet" help:"imagenet or cifar, in place of the checkpoint's"`
	InputRes  int      `flag:"input_res" default:"224" help:"side of a view in pixels, in place of the checkpoint's; 224 if it has none"`
	Gray16    string   `flag:"gray16" default:"clip" group:"data" everyday:"false" help:"how 16-bit gray becomes 8-bit, in place of the checkpoint's: clip, high or range"`
	BatchSize int      `flag:"batch_size" default:"64" group:"machine" help:"images per batch"`
	Workers   int      `flag:"num_workers" short:"j" group:"machine" runtime:"true" help:"workers that load images; 0: one per processor, on a GPU two fewer"`
	Amp       bool     `flag:"amp" group:"machine" help:"mixed precision: bfloat16 on a CPU that has instructions for it; automatic on a GPU"`
	Device    string   `flag:"device" default:"auto" group:"machine" runtime:"true" help:"auto, cpu, cuda or cuda:N; auto is the first GPU that can be used, otherwise the CPU"`
	Threads   int      `flag:"threads" group:"machine" runtime:"true" help:"compute threads; 0: one per processor, 1 on a GPU"`
}

// Features are the options of features, which writes the features of a folder of images.
type Features struct {
	_ struct{} `group:"output" everyday:"true"`
	Encoder
	Out   string `flag:"out" short:"o" help:"file to write: .parquet, or .npy with the paths in a .txt beside it"`
	Fresh bool   `flag:"fresh" help:"start again instead of resuming an interrupted command"`
	Near  int    `flag:"neighbors" short:"k" default:"15" help:".parquet: nearest images of each image, a column; 0: none"`
	Thumb int    `flag:"thumbnails" default:"64" help:".parquet: longest side of the thumbnails in pixels, a column; 0: none"`
	Dist
}

// Neighbors are the options of neighbors, which shows an image's nearest neighbors.
type Neighbors struct {
	_ struct{} `group:"output" everyday:"true"`
	Encoder
	In   string `flag:"in" group:"data" help:"file written by contralens features"`
	Out  string `flag:"out" short:"o" help:"PNG file to write"`
	K    int    `flag:"neighbors" short:"k" alias:"neighbours" default:"23" help:"number of neighbors to show"`
	JSON bool   `flag:"json" help:"print the neighbors as JSON"`
}

// Options converts the options to the structs of the evaluation commands.
func (e *Encoder) Options() (n Net, m Machine, w Weights) {
	Defaults(&n)
	Defaults(&m)
	n.Arch, n.Width, n.Stem, n.InputRes, n.Gray16 = e.Arch, e.Width, e.Stem, e.InputRes, e.Gray16
	m.Workers, m.Amp, m.Device, m.Threads = e.Workers, e.Amp, e.Device, e.Threads
	return n, m, Weights{Ckpt: e.Ckpt, UseEMA: e.UseEMA, Prefix: e.Prefix, Strict: e.Strict}
}

// DefaultFeatures returns the defaults of features.
func DefaultFeatures() (c Features) {
	Defaults(&c)
	return c
}

// DefaultNeighbors returns the defaults of neighbors.
func DefaultNeighbors() (c Neighbors) {
	Defaults(&c)
	return c
}

func (e *Encoder) check() error {
	return first(between("batch_size", e.BatchSize, 1, mostBatch), between("num_workers", e.Workers, 0, mostWorkers),
		between("threads", e.Threads, 0, mostWorkers), between("input_res", e.InputRes, 8, mostSide),
		positive("width", e.Width), gray16(e.Gray16))
}

// Resolve checks all values.
func (c *Features) Resolve(map[string]bool) ([]string, error) {
	err := c.Encoder.check()
	if ext := filepath.Ext(c.Out); err == nil && c.Out != "" && ext != ".parquet" && ext != ".npy" {
		err = &ValueError{Option: "out", Want: "a file name that ends in .parquet or .npy", Got: c.Out}
	}
	notes := c.amp()
	if _, m, _ := c.Encoder.Options(); err == nil {
		notes, err = append(notes, distributedNotes(&c.Dist, &m)...), c.Dist.check()
	}
	return notes, err
}

// Resolve checks all values.
func (c *Neighbors) Resolve(map[string]bool) ([]string, error) {
	err := first(c.check(), atLeast("neighbors", c.K, 1))
	if err == nil && c.Out != "" {
		err = picture("out", c.Out)
	}
	return c.amp(), err
}
