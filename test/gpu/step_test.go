package gpu

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"contralens/config"
	"contralens/data/datatest"
	"contralens/internal/fakegpu"
	"contralens/torch"
	"contralens/train"
)

// budget is what a training step may ask of the device. Waits and copies cost time, during
// which a GPU has nothing to do.
type budget struct {
	kernels     int64 // launches
	waits       int64 // of the host for the device
	pageable    int64 // copies from or to memory that is not pinned, each of which waits as well
	allocations int64 // of device and pinned memory
	toHost      int64 // bytes
}

func used(c fakegpu.Counts) budget {
	return budget{
		kernels:     c.Sum("kernel").Number,
		waits:       c.Sum("wait").Number,
		pageable:    c.Sum("copy", "pageable").Number,
		allocations: c.Sum("allocate").Number,
		toHost:      c.Sum("copy device to pageable").Bytes + c.Sum("copy device to pinned").Bytes,
	}
}

// larger has the larger of each part.
func (b budget) larger(c budget) budget {
	return budget{max(b.kernels, c.kernels), max(b.waits, c.waits), max(b.pageable, c.pageable),
		max(b.allocations, c.allocations), max(b.toHost, c.toHost)}
}

// What a step whose vitals are measured may ask for besides: a hundredth of the steps of a training, and
// every fifth of a short one. The first ones may find no block of memory of their size in the cache.
const (
	vitalKernels     = 65
	vitalAllocations = 1
	vitalBytes       = 256
)

// within fails the test for each part of the budget that used is above.
func (b budget) within(t *testing.T, used budget) {
	t.Helper()
	for _, x := range []struct {
		what        string
		got, budget int64
	}{
		{"kernels", used.kernels, b.kernels},
		{"waits", used.waits, b.waits},
		{"copies from or to pageable memory", used.pageable, b.pageable},
		{"allocations", used.allocations, b.allocations},
		{"bytes to the host", used.toHost, b.toHost},
	} {
		if x.got > x.budget {
			t.Errorf("want at most %d %s in a step, got %d", x.budget, x.what, x.got)
		}
	}
}

// The network and precision of a step, and its budget: plain, and with everything that is
// on by default, the feature transformation and the record of scores. docs/gpu.md has the
// same numbers. Kernels have a margin of up to 4 % over libtorch 2.15.
var steps = []struct {
	name          string
	method        string
	batch         int
	arch, stem    string
	precision, ft string
	res, k        int
	record        bool
	budget        budget
}{
	{"R18-fp32-plain", "MoCov2", 4, "resnet18", "cifar", "fp32", "none", 32, 4096, false, budget{302, 1, 0, 0, 12}},
	{"R18-fp32", "MoCov2", 4, "resnet18", "cifar", "fp32", "posneg", 32, 4096, true, budget{400, 1, 0, 0, 16604}},
	{"R18-bf16", "MoCov2", 4, "resnet18", "cifar", "bf16", "posneg", 32, 4096, true, budget{410, 1, 0, 0, 16604}},
	{"R50-bf16-plain", "MoCov2", 4, "resnet50", "imagenet", "bf16", "none", 224, 65536, false, budget{720, 1, 0, 0, 12}},
	{"R50-bf16", "MoCov2", 4, "resnet50", "imagenet", "bf16", "posneg", 224, 65536, true, budget{800, 1, 0, 0, 16604}},
	{"bank-bf16", "InsDis", 32, "resnet18", "cifar", "bf16", "posneg", 32, 65536, true, budget{445, 1, 0, 0, 17948}},
}

// Steps 3 to 9 of a pre-training stay within their budget, from images in
// files to the metrics.
func TestStepBudget(t *testing.T) {
	onFake(t)
	for _, s := range steps {
		t.Run(s.name, func(t *testing.T) {
			const first, last = 3, 9 // the record traces step 11, which is launched before the hooks of step 10
			c := pretraining(t, s.batch*(last+2))
			c.Method, c.FT, c.Arch, c.Stem, c.Precision = s.method, s.ft, s.arch, s.stem, s.precision
			c.InputRes, c.K, c.BatchSize, c.Epochs, c.Width, c.FeatDim = s.res, s.k, s.batch, 1, 1, 128
			c.Record, c.Probe = s.record, 0
			resolve(t, &c)

			var before fakegpu.Counts
			var most, vital budget // of ordinary steps, and of those that have vitals
			hook := train.Hook{Order: train.Evaluate, Step: func(r *train.Run, step train.Step) error {
				now := fakegpu.Read()
				if n := r.GlobalStep; n >= first && n <= last {
					spent := used(now.Sub(before))
					if n == last {
						t.Logf("step %d: %d kernels, %d waits, %d pageable copies, %d allocations, %d bytes to the host",
							n, spent.kernels, spent.waits, spent.pageable, spent.allocations, spent.toHost)
						if testing.Verbose() {
							t.Logf("\n%v", now.Sub(before))
						}
					}
					to := &most
					if s.record && (n%5 == 4 || n%5 == 0) { // launched before the hooks of the step before, and read after it
						to = &vital
					}
					*to = to.larger(spent)
				}
				before = now
				return nil
			}}
			if _, err := train.Pretrain(context.Background(), c, train.Options{Hooks: []train.Hook{hook}}); err != nil {
				t.Fatal(err)
			}
			if most.kernels == 0 {
				t.Fatal("no kernel was launched")
			}
			s.budget.within(t, most)
			if s.record {
				t.Logf("with vitals %+v", vital)
				b := s.budget
				b.kernels, b.allocations, b.toHost = b.kernels+vitalKernels, b.allocations+vitalAllocations, b.toHost+vitalBytes
				b.within(t, vital)
			}
		})
	}
}

// A step whose images the record traces waits and copies no more often than others, and brings no scores of
// all pairs to the host: what it keeps of them is small.
func TestTracedStep(t *testing.T) {
	onFake(t)
	const (
		batch, k    = 8, 65536
		first, last = 13, 23 // step 21 is traced, and the buffers of step 11 are there
		most        = 64 << 10
	)
	c := pretraining(t, batch*(last+2))
	c.Method, c.FT, c.Arch, c.Stem, c.Precision = "MoCov2", "posneg", "resnet18", "cifar", "fp32"
	c.InputRes, c.K, c.BatchSize, c.Epochs, c.Width, c.FeatDim, c.Record, c.Probe = 32, k, batch, 1, 0.25, 128, true, 0
	resolve(t, &c)
	var before fakegpu.Counts
	var plain, traced budget
	hook := train.Hook{Order: train.Evaluate, Step: func(r *train.Run, _ train.Step) error {
		now := fakegpu.Read()
		spent := used(now.Sub(before))
		before = now
		if n := r.GlobalStep; n >= first && n <= last {
			to := &plain
			if n >= 20 && n <= 22 { // the step is launched before the hooks of the one before, and read after it
				to = &traced
			}
			*to = to.larger(spent)
		}
		return nil
	}}
	if _, err := train.Pretrain(context.Background(), c, train.Options{Hooks: []train.Hook{hook}}); err != nil {
		t.Fatal(err)
	}
	t.Logf("plain %+v, traced %+v", plain, traced)
	if traced.kernels <= plain.kernels {
		t.Fatalf("want a traced step among the last ones, got %d kernels beside %d", traced.kernels, plain.kernels)
	}
	budget{traced.kernels, plain.waits, plain.pageable, plain.allocations, plain.toHost + most}.within(t, traced)
	if most >= batch*k*4 {
		t.Error("the bound has room for the scores of all pairs")
	}
}

// older reports whether the libtorch that runs is older than major.minor.
func older(major, minor int) bool {
	var x, y int
	if n, err := fmt.Sscanf(torch.Version(), "%d.%d", &x, &y); n != 2 || err != nil {
		panic("test: want a version of libtorch, got " + torch.Version())
	}
	return x < major || x == major && y < minor
}

// onFake skips the test unless it runs on the fake CUDA runtime.
func onFake(t *testing.T) {
	t.Helper()
	if !fakegpu.Present() {
		t.Skip("not on the fake CUDA runtime: make test-fakegpu")
	}
}

// needGPU skips the test unless there is a GPU, real or fake.
func needGPU(t *testing.T) {
	t.Helper()
	if torch.CUDADevices() == 0 {
		t.Skip("no GPU, and not on the fake CUDA runtime: make test-fakegpu")
	}
}

// needArithmetic skips the test unless there is a GPU that computes.
func needArithmetic(t *testing.T) {
	t.Helper()
	needGPU(t)
	if fakegpu.Present() {
		t.Skip("the fake CUDA runtime does not compute")
	}
}

// pretraining is a run on the GPU with n images of noise.
func pretraining(t *testing.T, n int) config.Contrast {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "images")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	datatest.Pictures(folder, n, 40, datatest.Noise)
	c := config.DefaultContrast()
	c.DataFolder, c.Device, c.Workers, c.PrintFreq = folder, "cuda:0", 1, 1
	runs := t.TempDir()
	c.ModelPath, c.TBPath, c.Name = filepath.Join(runs, "runs"), filepath.Join(runs, "tb"), "run"
	return c
}

func resolve(t *testing.T, c *config.Contrast) {
	t.Helper()
	if _, err := c.Resolve(nil); err != nil {
		t.Fatal(err)
	}
}
