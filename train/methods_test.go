package train

import (
	"context"
	"fmt"
	"image/color"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"contralens/config"
	"contralens/contrast"
	"contralens/data/datatest"
	"contralens/internal/golden"
	"contralens/methods"
	"contralens/torch"
	"contralens/world"
)

// writePatches makes a folder of small images, cut out of the photos in the repository.
// Their colors and textures are real, so that CMC can learn from the chrominance. The
// result is the same every time.
func writePatches(t *testing.T, count, side int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "photos")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	photos, err := filepath.Glob(golden.Path(t, "augment", "images") + "/*.npy")
	if err != nil || len(photos) == 0 {
		t.Skip("no photos in the golden directory")
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range count {
		photo := golden.ReadArray(t, photos[i%len(photos)])
		h, w := photo.Shape[0], photo.Shape[1]
		y0, x0 := rng.IntN(h-side), rng.IntN(w-side)
		datatest.Put(t, dir, fmt.Sprintf("%03d.png", i), datatest.PNG(side, side, func(x, y int) color.RGBA {
			p := photo.U8[3*((y0+y)*w+x0+x):]
			return color.RGBA{p[0], p[1], p[2], 255}
		}))
	}
	return dir
}

// methodRun is a training small enough for a test.
func methodRun(t *testing.T, folder string, change func(*config.Contrast), set ...string) config.Contrast {
	t.Helper()
	c := config.DefaultContrast()
	c.DataFolder, c.Dataset, c.Arch, c.Width, c.FeatDim, c.InputRes = folder, "folder", "resnet18", 0.0625, 16, 32
	c.K, c.BatchSize, c.Epochs, c.LearningRate, c.Alpha, c.Seed = 32, 16, 2, 0.02, 0.99, 3
	c.Milestones, c.Workers = nil, 1
	change(&c)
	if c.Jigsaw || config.Methods[c.Method].Jigsaw {
		c.InputRes = 64
	}
	switch {
	case c.Method == "MoCo_wo_norm":
		c.LearningRate = 0.0005 // scores without bounds
	case c.Method == "SimSiam":
		c.LearningRate = 0.2 // predictions begin unrelated to their targets
	case c.Memory == "bank" || config.Methods[c.Method].Memory == "bank":
		// Rows are random at first, and an image's own from the second epoch on. So this
		// takes more epochs, of fewer images.
		c.BankMomentum, c.FeatDim, c.Limit, c.Epochs, c.LearningRate = 0.1, 64, 100, 6, 0.05
		if c.Modal == "CMC" || config.Methods[c.Method].Modal == "CMC" {
			c.LearningRate = 0.01 // at 0.05 the weights grow without bounds on some processors
		}
	}
	given := map[string]bool{}
	for _, name := range set {
		given[name] = true
	}
	if _, err := c.Resolve(given); err != nil {
		t.Fatal(err)
	}
	return c
}

// checkedOrigins are those of a run's memory, all of whose newest rows must be known.
func checkedOrigins(t *testing.T, r *Run) (all [][]float32) {
	for _, o := range r.Model.Method.State().Origins {
		all = append(all, o.To(torch.Float32).Float32s())
		images := map[float32]bool{}
		for row := range o.Size(0) {
			at := all[len(all)-1][row*contrast.OriginColumns:]
			if at[contrast.OriginStep] == float32(r.GlobalStep) {
				images[at[contrast.OriginImage]] = true
			}
		}
		if len(images) == 0 || images[contrast.Unknown] {
			t.Errorf("after step %d, its images are not in the memory: %v", r.GlobalStep, images)
		}
	}
	return all
}

// follows runs a configuration, from a checkpoint if there is one, to the step at which
// it is stopped. It returns the losses and what a checkpoint would store.
func follows(t *testing.T, c config.Contrast, from, to string, stop int) (losses []float64, state [][]float32) {
	t.Helper()
	err := torch.Run(func() error {
		torch.SetThreads(1) // such small tensors gain nothing by more
		r, err := NewRun(context.Background(), world.Single(), c, t.TempDir(), nil)
		if err != nil {
			return err
		}
		defer r.Close()
		if from != "" {
			if notes, err := r.Load(from); err != nil || len(notes) > 0 {
				t.Errorf("notes %q, error %v", notes, err)
			}
		}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		r.Hooks = []Hook{{Collect: Always(methods.Collect{Scores: true, Statistics: true}), Step: func(r *Run, s Step) error {
			losses = append(losses, s.Loss)
			if len(s.Scores) != 5*s.Images || s.Statistics == nil {
				t.Errorf("step %d: %d score values for %d images, statistics %v", s.Step, len(s.Scores), s.Images, s.Statistics)
			}
			if (s.Jigsaw != nil) != c.Jigsaw {
				t.Errorf("step %d: jigsaw %v", s.Step, s.Jigsaw)
			}
			if j := r.Meter.Jigsaw(); (j.Loss > 0) != c.Jigsaw {
				t.Errorf("step %d: the jigsaws' mean loss is %v", s.Step, j.Loss)
			}
			if s.Step == stop {
				cancel()
			}
			return nil
		}}}
		if err := r.Do(ctx); err != nil && err != ErrStopped {
			return err
		}
		for _, e := range slices.Concat(r.Model.Query.State, r.Model.Method.State().Contrast, r.Model.Method.State().Own) {
			state = append(state, e.Tensor.Float32s())
		}
		state = append(state, checkedOrigins(t, r)...)
		if to != "" {
			return r.Save(to)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return losses, state
}

// interrupted are the cases of TestMethods that are also interrupted: each kind of
// memory, with two modalities, jigsaws, and both kinds of λ.
var interrupted = []string{"CMC jigsaw bank", "CMC jigsaw queue", "symmetric queue", "CMC batch", "BYOL", "SimSiam FT", "SimCLR FT", "InsDis FT by element", "queue in parts", "queue in splits"}

// TestMethods trains every method for some epochs. The loss ends lower than without
// training, and a run that was interrupted and resumed ends with the same bits.
func TestMethods(t *testing.T) {
	folder := writePatches(t, 200, 64)
	customize := func(change func(c *config.Contrast)) func(*config.Contrast) {
		return func(c *config.Contrast) { c.Temperature = 0.2; change(c) }
	}
	cases := map[string]func(*config.Contrast){
		"CMC jigsaw bank":  func(c *config.Contrast) { c.Modal, c.Jigsaw, c.Memory, c.Aug = "CMC", true, "bank", "C" },
		"CMC jigsaw queue": customize(func(c *config.Contrast) { c.Modal, c.Jigsaw, c.Aug, c.Head = "CMC", true, "E", "mlp_bn" }),
		"symmetric queue":  customize(func(c *config.Contrast) { c.Symmetric = true }),
		"queue in splits":  customize(func(c *config.Contrast) { c.BNSplits = 4 }),
		"queue in parts": customize(func(c *config.Contrast) {
			c.Symmetric, c.Accum, c.CheckpointActivations, c.Precision = true, 3, true, "bf16"
		}),
		"CMC batch": customize(func(c *config.Contrast) { c.Modal, c.Memory, c.Aug = "CMC", "batch", "C" }),
	}
	for name := range config.Methods {
		cases[name] = func(c *config.Contrast) { c.Method = name }
	}
	// The transformation on every kind of memory, one λ per step or per element.
	for _, name := range []string{"InsDis", "CMC", "PIRL", "CMCv2", "InfoMin", "SimCLR"} {
		cases[name+" FT"] = func(c *config.Contrast) { c.Method, c.FT = name, "posneg" }
	}
	cases["InsDis FT by element"] = func(c *config.Contrast) { c.Method, c.FT, c.DimMask = "InsDis", "posneg", "both" }
	cases["SimCLR FT by element"] = func(c *config.Contrast) { c.Method, c.FT, c.DimMask = "SimCLR", "posneg", "both" }
	cases["SimSiam FT"] = func(c *config.Contrast) { c.Method, c.FT = "SimSiam", "pos" }
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			c := methodRun(t, folder, change)
			losses, state := follows(t, c, "", "", 0)
			if slices.Contains(interrupted, name) {
				const stop = 17 // in the middle of an epoch
				half := filepath.Join(t.TempDir(), "half.pth")
				first, _ := follows(t, c, "", half, stop)
				rest, resumed := follows(t, c, half, "", 0)
				if fmt.Sprint(append(first, rest...)) != fmt.Sprint(losses) {
					t.Errorf("losses of an interrupted run\n got %.5f\nwant %.5f", append(first, rest...), losses)
				}
				for i := range state {
					if !slices.Equal(state[i], resumed[i]) {
						t.Fatalf("tensor %d differs after an interruption", i)
					}
				}
			}
			// Without training: the same images, views and draws, at a rate of almost 0 and
			// with as little work as possible.
			c.LearningRate, c.Accum, c.CheckpointActivations, c.Precision = 1e-9, 1, false, "fp32"
			still, _ := follows(t, c, "", "", 0)
			last := len(losses) - 6
			trained, untrained := mean(losses[last:]), mean(still[last:])
			t.Logf("loss %.4f, without training %.4f", trained, untrained)
			if !(trained < untrained-0.05) {
				t.Errorf("the loss ends at %.4f, without training at %.4f: %.3f", trained, untrained, losses)
			}
		})
	}
}

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

// --bn_splits changes the loss of the first step.
func TestBNSplits(t *testing.T) {
	folder := writePatches(t, 16, 32)
	first := func(splits int) float64 {
		losses, _ := follows(t, methodRun(t, folder, func(c *config.Contrast) { c.BNSplits = splits }), "", "", 1)
		return losses[0]
	}
	if whole, split := first(1), first(4); whole == split {
		t.Errorf("--bn_splits 4 changes nothing: loss %v", whole)
	}
}
