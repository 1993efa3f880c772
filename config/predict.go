package config

import "fmt"

// Predict are the options of prediction.
type Predict struct {
	Ckpt      string `flag:"ckpt" help:"checkpoint of a linear probe or a fine-tuned model"`
	Encoder   string `flag:"encoder" help:"checkpoint of the probe's encoder; empty: the one that the probe was trained on"`
	Top       int    `flag:"top" help:"classes for each image, the most probable first"`
	BatchSize int    `flag:"batch_size" help:"images at once"`
	Workers   int    `flag:"num_workers" short:"j" help:"workers that load images; 0: automatic"`
	Threads   int    `flag:"threads" help:"compute threads; 0: one a processor"`
	Device    string `flag:"device" help:"cpu or cuda:N"`
	JSON      bool   `flag:"json" help:"print one JSON object a line"`
}

// DefaultPredict are the defaults of prediction.
func DefaultPredict() Predict { return Predict{Top: 5, BatchSize: 64, Device: "cpu"} }

// Resolve says what would go wrong.
func (c *Predict) Resolve(map[string]bool) (warnings []string, err error) {
	if c.Ckpt == "" {
		return nil, fmt.Errorf("--ckpt: want a checkpoint that contralens linear or finetune wrote, as --ckpt save/RUN/current.pth")
	}
	return nil, first(atLeast("top", c.Top, 1), atLeast("batch_size", c.BatchSize, 1), atLeast("num_workers", c.Workers, 0), atLeast("threads", c.Threads, 0),
		atMost("batch_size", c.BatchSize, mostBatch), atMost("num_workers", c.Workers, mostWorkers), atMost("threads", c.Threads, mostWorkers))
}
