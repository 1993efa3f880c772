package gpu

import (
	"context"
	"maps"
	"slices"
	"testing"

	"contralens/config"
	"contralens/internal/fakegpu"
	"contralens/train"
)

// Every method, and every way to compute a step, trains to its end on a GPU.
func TestTrainings(t *testing.T) {
	needGPU(t)
	type training struct {
		name   string
		change func(*config.Contrast)
	}
	var all []training
	for _, method := range slices.Sorted(maps.Keys(config.Methods)) {
		all = append(all, training{method, func(c *config.Contrast) { c.Method = method }})
	}
	all = append(all,
		training{"FT", func(c *config.Contrast) { c.FT = "posneg" }},
		training{"FT by element", func(c *config.Contrast) { c.FT, c.DimMask = "posneg", "both" }},
		training{"bank with FT", func(c *config.Contrast) { c.Method, c.FT = "InsDis", "posneg" }},
		training{"micro-batches", func(c *config.Contrast) { c.Accum = 2 }},
		training{"checkpointed activations", func(c *config.Contrast) { c.CheckpointActivations = true }},
		training{"split batch norm", func(c *config.Contrast) { c.BNSplits = 2 }},
		training{"ResNeSt", func(c *config.Contrast) { c.Arch, c.Stem, c.InputRes = "resnest50", "imagenet", 64 }},
		training{"fp32", func(c *config.Contrast) { c.Precision = "fp32" }},
		training{"contiguous", func(c *config.Contrast) { c.Precision, c.MemoryFormat = "bf16", "contiguous" }},
		training{"k-NN and probes", func(c *config.Contrast) { c.KNNEvery, c.Probe, c.DataFolder = 1, 8, classes(t) }},
	)
	for _, x := range all {
		t.Run(x.name, func(t *testing.T) {
			c := pretraining(t, 16)
			c.Method, c.Arch, c.Stem, c.Width, c.FeatDim, c.Precision = "MoCov2", "resnet18", "cifar", 0.125, 16, "bf16"
			c.InputRes, c.K, c.BatchSize, c.Epochs, c.SaveFreq, c.Probe = 64, 16, 8, 2, 1, 0
			x.change(&c)
			resolve(t, &c)
			before, steps := fakegpu.Read(), 0
			count := train.Hook{Order: train.Records, Step: func(*train.Run, train.Step) error { steps++; return nil }}
			r, err := train.Pretrain(context.Background(), c, train.Options{Hooks: []train.Hook{count}})
			if err != nil {
				t.Fatal(err)
			}
			if steps != 4 || r.Checkpoint == "" {
				t.Errorf("want 4 steps and a checkpoint, got %d steps, checkpoint %q", steps, r.Checkpoint)
			}
			if n := used(fakegpu.Read().Sub(before)).kernels; fakegpu.Present() && n < 4*100 {
				t.Errorf("want hundreds of kernels in a step, got %d in 4 steps", n)
			}
		})
	}
}
