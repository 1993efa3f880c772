package plan

import (
	"math"
	"strings"
	"testing"
	"time"
)

// usual is ImageNet on ResNet-50 with the usual queue.
func usual() Options {
	return Options{
		GPUs: 8, PerNode: 8, GPU: GPUs["a100"], NetworkGbps: 400, Arch: resnet50, InputRes: 224, PerGPU: 32, K: 65536,
		FeatDim: 128, Shuffle: Exchange, Images: 1.28e6, Epochs: 200, ImageBytes: 110e3, PerCore: 350, GPUHours: 50700,
		Restart: 90 * time.Second, GPUPrice: 2, OwnRows: true,
	}
}

// The table of docs/scale.md, which was computed by hand from the formulas: milliseconds, and
// images a second. Two digits of it are given.
func TestTable(t *testing.T) {
	for _, c := range []struct {
		gpu                             string
		nodes                           int
		network                         float64
		perGPU                          int
		compute, reduce, exchange, step float64
		speed                           float64
	}{
		{"a100", 1, 400, 32, 17, 1.3, 0, 19, 13300}, {"a100", 4, 100, 32, 17, 18, 5.8, 36, 28200},
		{"a100", 4, 100, 128, 69, 18, 23, 94, 43400}, {"a100", 32, 400, 32, 17, 6.7, 1.9, 21, 387000},
		{"a100", 32, 3200, 64, 35, 2.0, 0.5, 37, 442000}, {"h100", 1, 400, 32, 9.7, 1.3, 0, 12, 21900},
		{"h100", 32, 400, 64, 19, 6.7, 3.7, 25, 652000}, {"h100", 32, 3200, 32, 9.7, 2.0, 0.2, 12, 687000},
	} {
		o := usual()
		o.GPU, o.GPUs, o.NetworkGbps, o.PerGPU = GPUs[c.gpu], 8*c.nodes, c.network, c.perGPU
		r, err := Estimate(o)
		if err != nil {
			t.Fatal(err)
		}
		for what, pair := range map[string][2]float64{
			"compute": {r.Step.Compute * 1e3, c.compute}, "reduce": {r.Step.Reduce * 1e3, c.reduce},
			"exchange": {r.Step.Exchange * 1e3, c.exchange}, "step": {r.Step.Total * 1e3, c.step},
			"images/s": {r.ImagesPerSecond, c.speed},
		} {
			if math.Abs(pair[0]-pair[1]) > 0.035*pair[1]+0.06 {
				t.Errorf("%d nodes of %s, %v Gb/s, %d a GPU: %s %.4g, want about %.4g", c.nodes, c.gpu, c.network, c.perGPU,
					what, pair[0], pair[1])
			}
		}
	}
}

// Checkpoints, failures, memory and money, by hand.
func TestSaving(t *testing.T) {
	o := usual()
	o.GPUs, o.Images, o.Epochs = 256, 1e9, 1
	r, err := Estimate(o)
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string][3]float64{ // got, want, share of it
		"bytes of a checkpoint": {r.Saving.Bytes, 370e6, 0.01}, "seconds": {r.Saving.Seconds, 2, 0.01},
		"hours between failures": {r.Saving.Between / 3600, 198, 0.01}, "minutes between saves": {r.Saving.Interval / 60, 28, 0.02},
		"share that is lost": {r.Saving.Lost, 0.0025, 0.1}, "minutes": {r.Seconds / 60, 43, 0.02},
		"GPU hours": {r.Money.GPUHours, 184, 0.02}, "dollars": {r.Money.GPUs, 368, 0.02},
		"a month of storage": {r.Money.Storage, 2530, 0.01}, "requests": {r.Money.Requests, 5.5, 0.01},
		"gradients a step": {r.Traffic.Gradients, 223e6, 0.01}, "host": {r.Memory.Host, 32e9, 0.01}, "steps": {r.Steps, 122071, 0},
		"learning rate": {r.LearningRate, 19.2, 0},
	} {
		if math.Abs(c[0]-c[1]) > c[2]*c[1]+1e-9 {
			t.Errorf("%s: %v, want %v", what, c[0], c[1])
		}
	}
	if r.Optimizer != "lars" {
		t.Errorf("optimizer for a batch of %d: %s, want lars", r.Batch, r.Optimizer)
	}
	o.Bank, o.GPUs = true, 8
	if r, err = Estimate(o); err != nil || r.Memory.Negatives != 512e9 || r.Optimizer != "sgd" {
		t.Errorf("bank %v, %s, %v", r.Memory.Negatives, r.Optimizer, err)
	}
}

// More of what a step waits for makes it no faster, and a curve has what Estimate gives.
func TestMonotone(t *testing.T) {
	base, _ := Estimate(usual())
	for what, change := range map[string]func(*Options){
		"slower processors": func(o *Options) { o.PerCore = 50 }, "larger views": func(o *Options) { o.InputRes = 320 },
		"whole batch": func(o *Options) { o.OwnRows = false }, "transformation": func(o *Options) { o.Transform = true },
		"larger network": func(o *Options) { o.Arch = Archs["resnet101"] },
	} {
		o := usual()
		change(&o)
		if r, err := Estimate(o); err != nil || r.ImagesPerSecond >= base.ImagesPerSecond {
			t.Errorf("%s: %v images/s, %v, want fewer than %v", what, r.ImagesPerSecond, err, base.ImagesPerSecond)
		}
	}
	weak, err1 := Curve(usual(), 512, 0)
	strong, err2 := Curve(usual(), 4096, SGDBatch)
	if err1 != nil || err2 != nil || len(weak) != 10 || weak[3].ImagesPerSecond != base.ImagesPerSecond {
		t.Fatalf("%d points, %v, %v", len(weak), err1, err2)
	}
	for i, r := range strong {
		if r.Batch > SGDBatch || (i > 0 && r.Efficiency > 1) {
			t.Errorf("%d GPUs: batch %d, efficiency %v", r.GPUs, r.Batch, r.Efficiency)
		}
	}
}

// What cannot be is refused in a sentence.
func TestRefused(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"want whole nodes":                   func(o *Options) { o.GPUs = 12 },
		"images: want a number above 0":      func(o *Options) { o.Images = math.NaN() },
		"images of a GPU: want":              func(o *Options) { o.PerGPU = 0 },
		"network: want a number above 0":     func(o *Options) { o.NetworkGbps = math.Inf(1) },
		"hours between failures: want a num": func(o *Options) { o.GPUHours = -1 },
	} {
		o := usual()
		change(&o)
		if _, err := Estimate(o); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// The speed of a measurement is that without loading, of the network at hand.
func TestMeasure(t *testing.T) {
	o := usual()
	file := `{"arch":"resnet18","batch":64,"input_res":96,"images_per_second":100,"seconds":{"total":0.64,"views":0.14},"device":"A100"}`
	if err := o.Measure(strings.NewReader(file)); err != nil || o.speed() != 128 || o.Arch.Name != "resnet18" || o.InputRes != 96 {
		t.Errorf("%+v, %v", o, err)
	}
	for want, file := range map[string]string{
		"want the result of contralens bench step": `hello`, "want a whole step": `{"arch":"resnet50","batch":1,"input_res":224,"seconds":{"total":1},"network_only":true}`,
		"want one of resnet101": `{"arch":"vit","batch":1,"input_res":224,"seconds":{"total":1}}`,
		"want the result of contralens bench step with JSON, but it has no batch": `{}`,
	} {
		if err := o.Measure(strings.NewReader(file)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", file, err)
		}
	}
}
