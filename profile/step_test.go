package profile

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"contralens/contrast"
	"contralens/data/loader"
	"contralens/data/sets"
	"contralens/internal/numeric"
	"contralens/methods"
	"contralens/nn"
	"contralens/nn/layers"
	"contralens/torch"
	"contralens/views"
)

// Enough ends the measurement after a step that counts, even of the warm-up.
func TestEnough(t *testing.T) {
	for last := range 4 {
		s := NewSteps(2, 9, func(string) {})
		step := 0
		s.Enough = func() bool { return step == last }
		s.Begin(methods.Times{})
		var clock methods.Times
		for ; step <= last; step++ {
			clock[methods.Other] += time.Duration(step + 1)
			if err := s.Add(clock); errors.Is(err, ErrDone) != (step == last) {
				t.Errorf("step %d of %d: %v", step, last, err)
			}
		}
		if want := max(1, last-1); len(s.times) != want {
			t.Errorf("%d steps: %d measured, want %d", last+1, len(s.times), want)
		}
	}
}

// A clock that is behind by two readings gives the first step that counts two steps later.
func TestLag(t *testing.T) {
	s := NewSteps(1, 2, func(string) {})
	s.Lag = 2
	s.Begin(methods.Times{})
	var clock methods.Times
	for i, took := range []time.Duration{0, 0, 1000, 30, 10} {
		clock[methods.Backward] += took
		if err := s.Add(clock); errors.Is(err, ErrDone) != (i == 4) {
			t.Errorf("step %d: %v", i, err)
		}
	}
	if phases, _ := s.Median(); phases[methods.Backward] != 20 {
		t.Errorf("a median of %v, want 20", phases[methods.Backward])
	}
}

// TestMedian measures three steps after a warmup step that would distort the result.
func TestMedian(t *testing.T) {
	var shown []string
	s := NewSteps(1, 3, func(what string) { shown = append(shown, what) })
	s.Begin(methods.Times{})
	var clock methods.Times
	for i, backward := range []time.Duration{1000, 30, 10, 20} {
		clock[methods.Backward] += backward
		clock[methods.Key] += 5
		err := s.Add(clock)
		if done := i == 3; errors.Is(err, ErrDone) != done {
			t.Errorf("step %d: %v", i, err)
		}
	}
	if want := []string{"warming up: step 1 of 1", "measuring: step 1 of 3", "measuring: step 2 of 3", "measuring: step 3 of 3"}; !slices.Equal(shown, want) {
		t.Errorf("shown: %q, want %q", shown, want)
	}
	phases, total := s.Median()
	if phases[methods.Backward] != 20 || phases[methods.Key] != 5 || total != 25 {
		t.Errorf("medians %v, total %v", phases, total)
	}
	r := Result{Batch: 50, Arch: "resnet18", Precision: "fp32", Peak: 4e9, Threads: 1}
	r.Summarize(s, 1e9)
	if r.ImagesPerSecond != 2e9 || r.GFLOPS != 2e9 || r.Seconds["backward"] != 20e-9 || r.Seconds["total"] != 25e-9 {
		t.Errorf("%+v", r)
	}
	var b strings.Builder
	r.Print(&b)
	for _, want := range []string{"1 thread\n", "medians over 3 steps", "backward ", " 80.0 %", "50 % of the measured peak", "; 1 GFLOP per image"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	b.Reset()
	r.GFLOPPerImage = 0.0012345
	if r.Print(&b); !strings.Contains(b.String(), "; 0.00123 GFLOP per image") {
		t.Errorf("a small network's operations are not in\n%s", b.String())
	}
}

// fixed draws nothing at random.
type fixed struct{ methods.Random }

func (fixed) Order(n int) []int64 {
	order := make([]int64, n)
	for i := range order {
		order[i] = int64(i)
	}
	return order
}

func (fixed) Transform(_, _, _ int) contrast.Draw { return contrast.Draw{} }

// TestWork compares the operations of a step with those of its forward passes.
func TestWork(t *testing.T) {
	const k, d, batch = 32, 16, 3
	forward := func(m *nn.Model) (n float64) {
		torch.NoGrad(func() {
			torch.Scoped(func() {
				x := torch.Zeros([]int{2, 3, 32, 32})
				layers.MultiplyAdds(m.State, func(of int) { n += float64(of) / 2 }, func() { m.Forward(x) })
			})
		})
		return 2 * n
	}
	queue := 4.0 * k * d
	for memory, want := range map[string]func(f float64) float64{
		"moco":      func(f float64) float64 { return f + 3*f + queue },
		"symmetric": func(f float64) float64 { return 2 * (f + 3*f + queue) },
		"batch":     func(f float64) float64 { return 2 * 3 * f },
		// Both views pass encoder and predictor, d to d/4 to d.
		"none": func(f float64) float64 { return 2 * 3 * (f + 2*2*d*d/4) },
		// A target encoder too; its predictor is as wide as the 32 features.
		"target": func(f float64) float64 { return 2 * (f + 3*(f+2*2*d*32)) },
	} {
		err := torch.Run(func() (err error) {
			o := methods.Options{Net: nn.Config{Arch: "resnet18", Width: 0.0625, FeatDim: d}, Memory: memory, K: k, Alpha: 0.9, Temperature: 0.2}
			if memory == "symmetric" {
				o.Memory, o.Symmetric = "moco", true
			}
			m, err := methods.NewModel(o)
			if err != nil {
				return err
			}
			defer m.Free()
			w := Count(m)
			torch.Scoped(func() {
				x := torch.FromFloat32(normal(batch*3*32*32, 1), batch, 3, 32, 32)
				for range 2 {
					if _, err = m.Step(&methods.Batch{Crops: []*torch.Tensor{x, x}, Random: fixed{}}, 0.01); err != nil {
						return
					}
				}
			})
			operations := want(forward(m.Query))
			numeric.Near(t, memory+": operations an image", w.PerImage(), operations, 1e-6*operations)
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", memory, err)
		}
	}
}

// TestNetwork measures an encoder whole and in pieces, which store nothing. The
// operations are the same: those of one forward pass, and twice as many backward.
func TestNetwork(t *testing.T) {
	err := torch.Run(func() error {
		torch.SetThreads(1) // such small tensors gain nothing from more
		var operations []float64
		for _, pieces := range []bool{false, true} {
			o := methods.Options{Net: nn.Config{Arch: "resnet18", Width: 0.0625, FeatDim: 16, Checkpoint: pieces}, Memory: "moco", K: 32, Alpha: 0.9, Temperature: 0.2}
			if pieces {
				o.Microbatches = 2
			}
			m, err := methods.NewModel(o)
			if err != nil {
				return err
			}
			before := torch.LiveTensors()
			s := NewSteps(1, 2, func(string) {})
			operations = append(operations, Network(m, 4, 32, s))
			if left := torch.LiveTensors() - before; left != 0 {
				t.Errorf("in pieces %v: %d tensors are left", pieces, left)
			}
			if phases, _ := s.Median(); phases[methods.Query] <= 0 || phases[methods.Backward] <= 0 {
				t.Errorf("in pieces %v: phases %v", pieces, phases)
			}
			m.Free()
		}
		if operations[0] <= 0 || operations[0] != operations[1] {
			t.Errorf("%v operations whole and in pieces", operations)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestPhotos loads generated photos as in training. Their files are as long as
// ImageNet's of that size, 110 kB on average.
func TestPhotos(t *testing.T) {
	dir := t.TempDir()
	list, err := Photos(dir, 70, 500, 375)
	if err != nil {
		t.Fatal(err)
	}
	p, err := sets.Open(t.Context(), sets.Options{Name: "list", Folder: list, CacheBytes: -1})
	if err != nil || p.Train.Len() != 70 {
		t.Fatalf("%v, %v", p.Train, err)
	}
	l := loader.NewViews(t.Context(), loader.ViewOptions{
		Dataset: p.Train, Views: []views.Spec{views.Evaluation(32)}, BatchSize: 70, Workers: 1,
	})
	defer l.Close()
	if _, err := l.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Next(); err != io.EOF {
		t.Error(err)
	}
	var m views.Image
	if err := p.Train.Image(t.Context(), 69, &m); err != nil || m.W != 500 || m.H != 375 {
		t.Errorf("%d x %d, %v", m.W, m.H, err)
	}
	info, err := os.Stat(p.Train.Path(3))
	if err != nil || info.Size() < 70<<10 || info.Size() > 150<<10 {
		t.Errorf("%v, %v", info.Size(), err)
	}
}

// TestPeak multiplies matrices: the rate is one that a processor can have.
func TestPeak(t *testing.T) {
	err := torch.Run(func() error {
		if rate := Peak(torch.Float32, torch.CPU, 0); rate < 1e8 || rate > 1e16 {
			t.Errorf("%v operations a second", rate)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
