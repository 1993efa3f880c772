package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contralens/detect"
	"contralens/internal/tensortest"
	"contralens/nn"
	"contralens/optim"
	"contralens/rundir"
	"contralens/torch"
)

// toy is a model of two weights: a scale and a norm. Its loss depends on the batch, and on
// seed and step.
type toy struct {
	state    nn.State
	bad      int // batch whose loss is NaN
	measured []float32
}

func newToy() *toy {
	one := func(v float32) *torch.Tensor {
		return torch.FromFloat32([]float32{v, 1}, 2).Keep().SetRequiresGrad(true)
	}
	return &toy{
		state: nn.State{{Name: "a.weight", Tensor: one(2)}, {Name: "a.norm.weight", Tensor: one(3)}},
		bad:   -1,
	}
}

func (m *toy) State() nn.State             { return m.state }
func (m *toy) Trained() nn.State           { return m.state }
func (m *toy) Backward(loss *torch.Tensor) { loss.Backward() }
func (m *toy) Device() torch.Device        { return torch.CPU }

func (m *toy) Losses(b *detect.Batch, seed uint64, step int) (Losses, error) {
	x := float64(b.Width) + float64(seed%7) + float64(step%3)
	if b.Width == m.bad {
		x = math.NaN()
	}
	a, n := m.state[0].Tensor, m.state[1].Tensor
	return Losses{
		Terms:      []Term{{"loss_cls", a.MulScalar(x / 100).Square().Sum()}, {"loss_rpn_cls", n.MulScalar(x / 90).Square().Sum()}},
		Foreground: 2, Background: 6, Anchors: 4, Classified: torch.FromFloat32([]float32{12, 2, 1}, 3), // of 2 images
	}, nil
}

func (m *toy) Statistics() []*torch.Tensor { return nil }

func (m *toy) MeasureNorms(n int, seed uint64, next func() (*detect.Batch, error)) error {
	for range n {
		b, err := next()
		if err != nil {
			return err
		}
		m.measured = append(m.measured, float32(b.Width)+float32(seed%5))
	}
	return nil
}

func (m *toy) values() []float32 {
	return slices.Concat(m.state[0].Tensor.Float32s(), m.state[1].Tensor.Float32s())
}

// stream has batches whose width is their number.
type stream struct {
	seed uint64
	at   int
}

func (s *stream) Next() (*detect.Batch, error) {
	s.at++
	return &detect.Batch{Samples: make([]detect.Sample, 2), Width: s.at - 1 + int(s.seed%3)}, nil
}

func (s *stream) Close() {}

func source(_ context.Context, seed uint64, first int) (Batches, error) {
	return &stream{seed, first}, nil
}

// run makes a run of a toy in a folder. log gets what happens.
func run(dir string, m *toy, log *[]string) *Run {
	r := &Run{
		Model: m, Source: source, Optimizer: NewOptimizer(m, 0.9, 0.01), Seed: 3, Dir: dir, SaveEvery: 5, TestEvery: 4,
		PreciseBN: 2, Record: Record{Classes: []string{"cat", "dog"}, Images: 20},
		Schedule: optim.Iterations{Rate: 0.1, Total: 12, Milestones: []int{9}, DecayRate: 0.1, Warm: 3, WarmFactor: 0.001},
	}
	r.Test = func(context.Context) (Score, error) {
		*log = append(*log, "saved "+fmt.Sprint(r.savedStep))
		result := rundir.NewResult(rundir.DetectVOC, "toy", map[string]any{"AP": 10.0, "iteration": float64(r.Iteration)}, 3)
		return Score{Metrics: result.Metrics}, result.Append(dir)
	}
	r.Hooks = []Hook{MetricsHook(2, 0.1), {
		Step: func(_ *Run, s Step) error { *log = append(*log, fmt.Sprint(s.Iteration)); return nil },
		Test: func(*Run, Score) error { *log = append(*log, "tested"); return nil },
	}}
	return r
}

func (m *toy) free(r *Run) { r.Optimizer.Free(); m.state.Free() }

// A run that is stopped in any iteration and resumes ends with the same weights, metrics and
// results as one that is not.
func TestResumeIsExact(t *testing.T) {
	tensortest.Run(t, func() {
		var log []string
		whole := t.TempDir()
		m := newToy()
		r := run(whole, m, &log)
		if err := r.Do(context.Background()); err != nil {
			t.Fatal(err)
		}
		want := "1 2 3 4 saved 4 tested 5 6 7 8 saved 8 tested 9 10 11 12 saved 12 tested"
		if got := strings.Join(log, " "); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		weights, measured := m.values(), m.measured
		m.free(r)
		for at := 1; at < 12; at++ {
			dir := t.TempDir()
			ctx, stop := context.WithCancel(context.Background())
			m := newToy()
			r := run(dir, m, &log)
			r.Hooks = append(r.Hooks, Hook{Step: func(r *Run, _ Step) error {
				if r.Iteration == at {
					stop()
				}
				return nil
			}})
			if err := r.Do(ctx); !errors.Is(err, ErrStopped) {
				t.Fatalf("stopped at %d: %v", at, err)
			}
			before := m.measured
			m.free(r)
			m = newToy()
			r = run(dir, m, &log)
			if notes, err := r.Load(filepath.Join(dir, rundir.CurrentFile)); err != nil || len(notes) > 0 || r.Iteration != at {
				t.Fatalf("stopped at %d: resumes at %d, %v, %v", at, r.Iteration, notes, err)
			}
			if err := r.Do(context.Background()); err != nil {
				t.Fatal(err)
			}
			if got := m.values(); !slices.Equal(got, weights) {
				t.Errorf("stopped at %d: weights %v, want %v", at, got, weights)
			}
			if got := slices.Concat(before, m.measured); !slices.Equal(got, measured) {
				t.Errorf("stopped at %d: norms were measured on %v, want %v", at, got, measured)
			}
			for _, name := range []string{rundir.MetricsFile, rundir.ResultsFile} {
				if got, want := lines(t, dir, name), lines(t, whole, name); got != want {
					t.Errorf("stopped at %d: %d lines of %s, want %d", at, got, name, want)
				}
			}
			m.free(r)
		}
	})
}

func lines(t *testing.T, dir, name string) int {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(b), "\n")
}

// The parameters of norms do not decay.
func TestNormsDoNotDecay(t *testing.T) {
	tensortest.Run(t, func() {
		m := newToy()
		s := NewOptimizer(m, 0.9, 0.5)
		if !slices.Equal(s.Decays, []float64{0.5, 0}) {
			t.Errorf("decays %v, want 0.5 and 0", s.Decays)
		}
		s.Free()
		m.state.Free()
	})
}

// A loss that is not finite changes nothing. The error says what to change and where to resume.
func TestNotFinite(t *testing.T) {
	tensortest.Run(t, func() {
		var log []string
		dir := t.TempDir()
		m := newToy()
		r := run(dir, m, &log)
		defer m.free(r)
		m.bad = 5
		var before []float32
		r.Hooks = append(r.Hooks, Hook{Step: func(*Run, Step) error { before = m.values(); return nil }})
		err := r.Do(context.Background())
		for _, want := range []string{
			"iteration 6 of 12: want a finite loss, got NaN for loss_cls", "learning rate 0.1", "batches of 2", "freeze the norms",
			"current.pth, of iteration 5",
		} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %s", err, want)
			}
		}
		if got := m.values(); !slices.Equal(got, before) {
			t.Errorf("the weights moved from %v to %v", before, got)
		}
	})
}

// Checkpoints of other classes or trainings are refused in a sentence.
func TestLoadRefuses(t *testing.T) {
	tensortest.Run(t, func() {
		var log []string
		dir := t.TempDir()
		m := newToy()
		r := run(dir, m, &log)
		defer m.free(r)
		path := filepath.Join(dir, "x.pth")
		if err := r.Save(path); err != nil {
			t.Fatal(err)
		}
		r.Record.Classes = []string{"cat"}
		if _, err := r.Load(path); err == nil || !strings.Contains(err.Error(), `["cat"], got ["cat" "dog"]`) {
			t.Errorf("other classes: %v", err)
		}
	})
}

// A run that was killed resumes from its last checkpoint, repeats what came after it, and ends
// as one that was not killed. Lines of what is repeated are not there twice.
func TestKilled(t *testing.T) {
	tensortest.Run(t, func() {
		var log []string
		whole := t.TempDir()
		m := newToy()
		r := run(whole, m, &log)
		if err := r.Do(context.Background()); err != nil {
			t.Fatal(err)
		}
		weights := m.values()
		m.free(r)
		for at, last := range map[int]int{4: 0, 7: 5, 9: 8, 11: 10} {
			dir := t.TempDir()
			m := newToy()
			r := run(dir, m, &log)
			killed := errors.New("killed")
			r.Hooks = append(r.Hooks, Hook{Step: func(r *Run, _ Step) error {
				if r.Iteration == at {
					return killed
				}
				return nil
			}})
			if err := r.Do(context.Background()); !errors.Is(err, killed) {
				t.Fatalf("killed at %d: %v", at, err)
			}
			m.free(r)
			m = newToy()
			r = run(dir, m, &log)
			if path, _ := rundir.Newest(dir); path != "" {
				if _, err := r.Load(path); err != nil {
					t.Fatal(err)
				}
			}
			if r.Iteration != last {
				t.Errorf("killed at %d: resumes after %d, want %d", at, r.Iteration, last)
			}
			if err := r.Do(context.Background()); err != nil {
				t.Fatal(err)
			}
			if got := m.values(); !slices.Equal(got, weights) {
				t.Errorf("killed at %d: weights %v, want %v", at, got, weights)
			}
			for _, name := range []string{rundir.MetricsFile, rundir.ResultsFile} {
				if got, want := lines(t, dir, name), lines(t, whole, name); got != want {
					t.Errorf("killed at %d: %d lines of %s, want %d", at, got, name, want)
				}
			}
			m.free(r)
		}
	})
}

// A run whose last test was not finished repeats the test alone.
func TestUnfinishedTest(t *testing.T) {
	tensortest.Run(t, func() {
		var log []string
		dir := t.TempDir()
		m := newToy()
		r := run(dir, m, &log)
		test := r.Test
		failed := errors.New("killed")
		r.Test = func(ctx context.Context) (Score, error) {
			if r.Iteration == 12 {
				return Score{}, failed
			}
			return test(ctx)
		}
		if err := r.Do(context.Background()); !errors.Is(err, failed) {
			t.Fatal(err)
		}
		m.free(r)
		m, log = newToy(), nil
		r = run(dir, m, &log)
		defer m.free(r)
		if _, err := r.Load(filepath.Join(dir, rundir.CurrentFile)); err != nil {
			t.Fatal(err)
		}
		if err := r.Do(context.Background()); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(log, " "); got != "saved 12 tested" || lines(t, dir, rundir.ResultsFile) != 3 {
			t.Errorf("%s, %d results", got, lines(t, dir, rundir.ResultsFile))
		}
	})
}

// The update whose numbers arrive later, as on a GPU, is the plain one: the same weights and
// numbers, and an error that names the loss that is not finite, without a change of the weights.
func TestGuardedUpdate(t *testing.T) {
	tensortest.Run(t, func() {
		step := func(later bool, scale float64) (weights []float32, s Step, err error) {
			var log []string
			m := newToy()
			r := run(t.TempDir(), m, &log)
			defer m.free(r)
			torch.Scoped(func() {
				losses, _ := m.Losses(&detect.Batch{Width: 5}, 3, 1)
				losses.Terms[1].Value = losses.Terms[1].Value.MulScalar(scale)
				total := losses.Terms[0].Value.Add(losses.Terms[1].Value)
				m.Backward(total)
				read := torch.NewReadback(torch.CPU)
				if later {
					read.Defer()
				}
				s = Step{Iteration: 1, Images: 8, Rate: 0.1}
				s.read(read, losses, total)
				err = r.update(&s, read, total)
			})
			return m.values(), s, err
		}
		want, plain, err := step(false, 1)
		if err != nil {
			t.Fatal(err)
		}
		got, guarded, err := step(true, 1)
		if err != nil || !slices.Equal(got, want) || guarded.Loss != plain.Loss || !slices.Equal(guarded.Terms, plain.Terms) {
			t.Errorf("weights %v, want %v; step %+v, want %+v; %v", got, want, guarded, plain, err)
		}
		start := []float32{2, 1, 3, 1}
		for _, later := range []bool{false, true} {
			got, _, err := step(later, math.Inf(1))
			if err == nil || !strings.Contains(err.Error(), "want a finite loss, got +Inf for loss_rpn_cls") || !slices.Equal(got, start) {
				t.Errorf("later %v: weights %v and error %v", later, got, err)
			}
		}
	})
}
