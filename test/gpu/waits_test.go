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

// In a step of every method, the host waits for the device at most once, for the figures of
// the step before, and copies nothing from or to memory that is not pinned.
func TestEveryMethodWaitsOnce(t *testing.T) {
	onFake(t)
	cases := map[string]func(*config.Contrast){
		"symmetric":        func(c *config.Contrast) { c.Method, c.Symmetric = "Customize", true },
		"parts":            func(c *config.Contrast) { c.Method, c.Accum = "MoCov2", 2 },
		"recomputed":       func(c *config.Contrast) { c.Method, c.CheckpointActivations = "MoCov2", true },
		"splits":           func(c *config.Contrast) { c.Method, c.BNSplits = "MoCov2", 2 },
		"scores":           func(c *config.Contrast) { c.Method, c.SaveScore = "MoCov2", true },
		"MoCov2 FT":        func(c *config.Contrast) { c.Method, c.FT = "MoCov2", "posneg" },
		"InsDis FT":        func(c *config.Contrast) { c.Method, c.FT = "InsDis", "posneg" },
		"SimCLR FT":        func(c *config.Contrast) { c.Method, c.FT = "SimCLR", "posneg" },
		"FT by element":    func(c *config.Contrast) { c.Method, c.FT, c.DimMask = "MoCov2", "posneg", "both" },
		"FT by score gaps": func(c *config.Contrast) { c.Method, c.FT, c.MixStart = "MoCov2", "posneg", "auto" },
	}
	for name := range config.Methods {
		cases[name] = func(c *config.Contrast) { c.Method = name }
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		t.Run(name, func(t *testing.T) {
			const batch, first, last = 4, 4, 7
			c := pretraining(t, batch*(last+2))
			c.Arch, c.Stem, c.Width, c.FeatDim, c.K = "resnet18", "cifar", 0.0625, 16, 32
			c.InputRes, c.BatchSize, c.Epochs, c.Probe, c.Precision = 64, batch, 1, 0, "fp32"
			cases[name](&c)
			resolve(t, &c)
			waits, pageable := int64(1), int64(0)
			if older(2, 11) && c.Method == "SimCLR" {
				// Its deterministic scatter of the gradient sends the strides of the scores from pageable memory.
				waits, pageable = 2, 1
			}
			var before fakegpu.Counts
			hook := train.Hook{Order: train.Evaluate, Step: func(r *train.Run, s train.Step) error {
				now := fakegpu.Read()
				if spent := now.Sub(before); s.Step >= first && s.Step <= last {
					if u := used(spent); u.waits > waits || u.pageable > pageable || u.kernels == 0 {
						t.Errorf("step %d: %d waits, %d pageable copies, %d kernels, want %d, %d and some",
							s.Step, u.waits, u.pageable, u.kernels, waits, pageable)
					}
				}
				before = now
				return nil
			}}
			if _, err := train.Pretrain(context.Background(), c, train.Options{Hooks: []train.Hook{hook}}); err != nil {
				t.Fatal(err)
			}
		})
	}
}
