package config

// Predict are the options of predict, which classifies images.
type Predict struct {
	_         struct{} `group:"machine" everyday:"true"`
	Ckpt      string   `flag:"ckpt" group:"network" help:"checkpoint of a linear probe or a fine-tuned model"`
	Encoder   string   `flag:"encoder" group:"network" help:"checkpoint of the probe's encoder; empty: the encoder that the probe was trained on"`
	Top       int      `flag:"top" default:"5" group:"output" help:"number of classes to print per image, the most probable first"`
	BatchSize int      `flag:"batch_size" default:"64" help:"images per batch"`
	Workers   int      `flag:"num_workers" short:"j" help:"workers that load images; 0: one per processor, on a GPU two fewer"`
	Threads   int      `flag:"threads" help:"compute threads; 0: one per processor, 1 on a GPU"`
	Device    string   `flag:"device" default:"auto" help:"auto, cpu, cuda or cuda:N; auto is the first GPU that can be used, otherwise the CPU"`
	JSON      bool     `flag:"json" group:"output" help:"print one JSON object per image, each on a line"`
}

// DefaultPredict returns the defaults of predict.
func DefaultPredict() (c Predict) {
	Defaults(&c)
	return c
}

// Resolve checks all values.
func (c *Predict) Resolve(map[string]bool) (warnings []string, err error) {
	if c.Ckpt == "" {
		return nil, &ValueError{
			Option: "ckpt",
			Want:   "a checkpoint written by contralens linear or finetune",
			Hint:   "for example --ckpt save/RUN/current.pth",
		}
	}
	return nil, first(atLeast("top", c.Top, 1), between("batch_size", c.BatchSize, 1, mostBatch),
		between("num_workers", c.Workers, 0, mostWorkers), between("threads", c.Threads, 0, mostWorkers))
}
