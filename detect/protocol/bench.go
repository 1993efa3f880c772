package protocol

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"contralens/config"
	"contralens/detect"
	"contralens/detect/mask"
	detectors "contralens/detect/train"
	"contralens/internal/machine"
	"contralens/nn/layers"
	"contralens/optim"
	"contralens/setup"
	"contralens/torch"
)

// Cost is what a training step of a detector costs.
type Cost struct {
	Detector        string             `json:"detector"`
	Arch            string             `json:"arch"`
	Batch           int                `json:"batch"`
	Width           int                `json:"image_width"`
	Height          int                `json:"image_height"`
	RoIs            int                `json:"rois"`
	Masks           bool               `json:"masks"`
	Precision       string             `json:"precision"`
	ImagesPerSecond float64            `json:"images_per_second"`
	Seconds         map[string]float64 `json:"seconds"`         // losses, backward, update and total: medians
	GFLOPPerImage   float64            `json:"gflop_per_image"` // of convolutions and linear layers
	PeakMB          float64            `json:"peak_rss_mb"`     // of 2^20 bytes
	DeviceMB        float64            `json:"peak_device_mb,omitempty"`
	Device          string             `json:"device,omitempty"`
	Steps           int                `json:"steps"`
	Threads         int                `json:"threads"`
	Machine         string             `json:"machine"`
	Torch           string             `json:"libtorch"`
}

// benchClasses and benchObjects are the classes, and the objects of an image, of Bench.
const (
	benchClasses = 20
	benchObjects = 8
)

// Bench measures training steps of a detector with random weights, on images of noise in memory:
// losses, gradients and the update, exactly as Train computes them. Images are as high as the
// first of the shorter sides, and 4/3 of it wide. show receives what is being measured.
func Bench(c config.BenchDetect, show func(string)) (cost *Cost, err error) {
	err = setup.Compute(c.Threads, func() error {
		m, err := build(&c.DetectTrain, benchClasses, nil, false)
		if err != nil {
			return err
		}
		defer m.Free()
		setup.Host(&c.Machine, m.Device())
		cost, err = bench(&c, m, show)
		return err
	})
	if err != nil {
		err = setup.Explain(err, setup.Load{Machine: c.Machine, Arch: c.Arch, Batch: c.BatchSize})
	}
	return cost, err
}

func bench(c *config.BenchDetect, m *detector, show func(string)) (*Cost, error) {
	b := noise(c, m)
	w := &watched{detector: m, times: map[string][]time.Duration{}}
	r := &detectors.Run{
		Model: w, Source: func(context.Context, uint64, int) (detectors.Batches, error) { return same{b}, nil },
		Optimizer: detectors.NewOptimizer(m, c.Momentum, c.WeightDecay), Seed: c.Seed,
		Schedule: optim.Iterations{Rate: 1e-4, Total: c.Before + c.Steps + 1}, SaveEvery: c.Before + c.Steps + 2,
	}
	defer r.Optimizer.Free()
	r.Hooks = []detectors.Hook{{Step: func(_ *detectors.Run, s detectors.Step) error {
		w.add(s, s.Iteration > c.Before)
		if s.Iteration == c.Before+c.Steps {
			return errMeasured
		}
		show(fmt.Sprintf("measured: step %d of %d", s.Iteration, c.Before+c.Steps))
		return nil
	}}}
	m.Train(true)
	if err := r.Do(context.Background()); !errors.Is(err, errMeasured) {
		return nil, err
	}
	cost := &Cost{
		Detector: c.Detector, Arch: c.Arch, Batch: c.BatchSize, Width: b.Samples[0].Width, Height: b.Samples[0].Height,
		RoIs: c.RoIs, Masks: c.Masks, Precision: c.Precision, Steps: c.Steps, Threads: torch.Threads(),
		Seconds: map[string]float64{},
		Machine: machine.Model(), Torch: torch.Version(), PeakMB: float64(machine.PeakResident()) / (1 << 20),
	}
	operations, err := m.count(b) // after the peak, because it would add to it
	if err != nil {
		return nil, err
	}
	cost.GFLOPPerImage = operations / float64(c.BatchSize) / 1e9
	for phase, all := range w.times {
		cost.Seconds[phase] = median(all).Seconds()
	}
	cost.ImagesPerSecond = float64(c.BatchSize) / cost.Seconds["total"]
	if d := m.Device(); !d.IsCPU() {
		cost.DeviceMB, cost.Device = float64(torch.DeviceMemory(d).Peak)/(1<<20), setup.DeviceRecord(c.Machine)
	}
	return cost, nil
}

// errMeasured ends a run whose steps have been measured.
var errMeasured = errors.New("measured")

// watched is a detector whose phases are timed.
type watched struct {
	*detector
	losses, backward time.Duration
	times            map[string][]time.Duration
}

func (w *watched) Losses(b *detect.Batch, seed uint64, step int) (l detectors.Losses, err error) {
	defer func(begin time.Time) { w.losses = time.Since(begin) }(time.Now())
	return w.detector.Losses(b, seed, step)
}

// count returns the operations of a step: a multiply-add is two, and a backward pass has twice
// those of a forward pass. What is computed again to save memory counts once.
func (d *detector) count(b *detect.Batch) (operations float64, err error) {
	layers.MultiplyAdds(d.Model.State, func(n int) { operations += 3 * 2 * float64(n) }, func() {
		torch.NoGrad(func() { torch.Scoped(func() { _, err = d.Losses(b, 0, 0) }) })
	})
	return operations, err
}

func (w *watched) Backward(loss *torch.Tensor) {
	defer func(begin time.Time) { w.backward = time.Since(begin) }(time.Now())
	w.detector.Backward(loss)
}

// add takes the times of a step, if it counts.
func (w *watched) add(s detectors.Step, counts bool) {
	if !counts {
		return
	}
	for phase, d := range map[string]time.Duration{
		"losses": w.losses, "backward": w.backward, "update": s.Compute - w.losses - w.backward, "total": s.Compute,
	} {
		w.times[phase] = append(w.times[phase], d)
	}
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

// same is a stream of one batch.
type same struct{ batch *detect.Batch }

func (s same) Next() (*detect.Batch, error) { return s.batch, nil }
func (same) Close()                         {}

// noise makes a batch of images of noise with random objects.
func noise(c *config.BenchDetect, m *detector) *detect.Batch {
	rng := rand.New(rand.NewPCG(c.Seed, 0x62656e63))
	up := func(n int) int { d := m.SizeDivisor(); return (n + d - 1) / d * d }
	height, width := c.Short[0], (4*c.Short[0]+2)/3
	b := &detect.Batch{Width: up(width), Height: up(height)}
	b.Pixels = make([]uint8, c.BatchSize*3*b.Width*b.Height)
	for i := range b.Pixels {
		b.Pixels[i] = uint8(rng.Uint32())
	}
	for i := range c.BatchSize {
		s := detect.Sample{Index: i, Width: width, Height: height}
		for range benchObjects {
			side := (0.1 + 0.4*rng.Float32()) * float32(height)
			x, y := rng.Float32()*(float32(width)-side), rng.Float32()*(float32(height)-side)
			s.Boxes = append(s.Boxes, [4]float32{x, y, x + side, y + side})
			s.Classes = append(s.Classes, int32(rng.IntN(benchClasses)))
			x1, y1, x2, y2 := float64(x), float64(y), float64(x+side), float64(y+side)
			s.Shapes = append(s.Shapes, mask.Shape{Polygons: [][]float64{{x1, y1, x2, y1, x2, y2, x1, y2}}})
		}
		b.Samples = append(b.Samples, s)
	}
	return b
}
