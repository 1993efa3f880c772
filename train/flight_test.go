package train

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"contralens/checkpoint"
	"contralens/config"
	"contralens/methods"
	"contralens/rundir"
	"contralens/scores/record"
	"contralens/torch"
	"contralens/world"
)

// behind runs the hooks one step behind on the CPU, too.
func behind() Hook {
	return Hook{Start: func(r *Run) error { r.flight.deferred = true; return nil }}
}

// recorded runs a pre-training of a few steps. It returns the steps as hooks see them, with
// the run's position, and the run directory.
func recorded(t *testing.T, c config.Contrast, hooks ...Hook) (steps []string, dir string, err error) {
	t.Helper()
	c.ModelPath, c.TBPath, c.Name = t.TempDir(), t.TempDir(), "run"
	see := Hook{Step: func(r *Run, s Step) error {
		s.Wait, s.Compute = 0, 0
		if !c.SaveScore {
			s.Scores = nil // the watch for a collapse asks for them in the step after a suspect loss
		}
		statistics := "none"
		if s.Statistics != nil {
			statistics = fmt.Sprintf("%+v", *s.Statistics)
		}
		jigsaw := methods.Jigsaw{}
		if s.Jigsaw != nil {
			jigsaw = *s.Jigsaw
		}
		trace := "none"
		if s.Trace != nil {
			trace = fmt.Sprintf("%+v", *s.Trace)
		}
		s.Statistics, s.Jigsaw, s.Trace = nil, nil, nil
		steps = append(steps, fmt.Sprintf("%+v %+v %s, trace %s; at %d, %d, meter %+v", s, jigsaw, statistics, trace, r.StepInEpoch, r.GlobalStep, r.Meter))
		return nil
	}}
	result, err := Pretrain(context.Background(), c, Options{Hooks: append(hooks, see)})
	return steps, result.Dir, err
}

// files has the contents of a run's files that do not depend on the time.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		switch name := filepath.Base(path); {
		case name == rundir.MetricsFile:
			b = regexp.MustCompile(`"(img_s|wait_s|compute_s)":[^,}]*`).ReplaceAll(b, nil)
		case strings.HasPrefix(path, record.Dir(dir)), strings.HasSuffix(name, ".npy"):
		case strings.HasSuffix(name, ".pth"):
			b = entries(t, path)
		default:
			return err
		}
		all[path[len(dir):]] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// entries lists what a checkpoint stores, without the options, which name the folder.
func entries(t *testing.T, path string) []byte {
	t.Helper()
	file, err := checkpoint.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	var list func(prefix string, v any)
	list = func(prefix string, v any) {
		if d := checkpoint.AsDict(v); d != nil {
			for _, i := range d {
				if i.Key != "config" && i.Key != "opt" {
					list(fmt.Sprint(prefix, ".", i.Key), i.Value)
				}
			}
			return
		}
		switch v := v.(type) {
		case []any:
			for i, x := range v {
				list(fmt.Sprint(prefix, ".", i), x)
			}
		case *checkpoint.Tensor:
			fmt.Fprintln(&b, prefix, v.Shape, v.Float32s())
		default:
			fmt.Fprintln(&b, prefix, v)
		}
	}
	list("", file)
	return b.Bytes()
}

// unequal shows where two texts begin to differ.
func unequal(got, want string) string {
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	from := max(0, at-60)
	return fmt.Sprintf("byte %d: got %.120q, want %.120q", at, got[from:], want[from:])
}

// TestOneStepBehind: with hooks that run one step behind, as on a device, hooks see the same
// steps, and metrics, records and checkpoints are the same bit by bit, for every method.
func TestOneStepBehind(t *testing.T) {
	torch.SetThreads(1)
	folder := writePatches(t, 22, 64)
	cases := map[string]func(*config.Contrast){
		"scores":    func(c *config.Contrast) { c.SaveScore = true },
		"unseen":    func(c *config.Contrast) { c.Record = false },
		"symmetric": func(c *config.Contrast) { c.Symmetric = true },
		"parts":     func(c *config.Contrast) { c.Accum = 2 },
		"bf16":      func(c *config.Contrast) { c.Precision = "bf16" },
		"FT of a bank": func(c *config.Contrast) {
			c.Method, c.FT, c.DimMask = "InsDis", "posneg", "both"
		},
		"FT of a batch": func(c *config.Contrast) { c.Method, c.FT = "SimCLR", "posneg" },
		"FT from step 3": func(c *config.Contrast) {
			c.FT, c.MixStep = "posneg", 3
		},
	}
	for name := range config.Methods {
		cases[name] = func(c *config.Contrast) { c.Method = name }
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		t.Run(name, func(t *testing.T) {
			c := methodRun(t, folder, func(c *config.Contrast) {
				c.BatchSize, c.PrintFreq, c.Probe, c.Device = 8, 1, 0, "cpu"
				cases[name](c)
			})
			c.Epochs, c.Limit = 2, 0
			want, at, err := recorded(t, c)
			if err != nil {
				t.Fatal(err)
			}
			got, behindAt, err := recorded(t, c, behind())
			if err != nil {
				t.Fatal(err)
			}
			if len(want) != 6 || !slices.Equal(got, want) {
				t.Errorf("%d steps, want 6 equal to %d: %s", len(got), len(want), unequal(strings.Join(got, "\n"), strings.Join(want, "\n")))
			}
			wantFiles, gotFiles := files(t, at), files(t, behindAt)
			if len(wantFiles) < 2 || !reflect.DeepEqual(slices.Sorted(maps.Keys(wantFiles)), slices.Sorted(maps.Keys(gotFiles))) {
				t.Errorf("files %v, want %v", slices.Sorted(maps.Keys(gotFiles)), slices.Sorted(maps.Keys(wantFiles)))
			}
			for name, content := range wantFiles {
				if gotFiles[name] != content {
					t.Errorf("%s: %s", name, unequal(gotFiles[name], content))
				}
			}
		})
	}
}

// spoiled makes the loss of one step NaN.
type spoiled struct {
	methods.Method
	step, steps int
}

func (s *spoiled) Forward(b *methods.Batch) methods.Outcome {
	out := s.Method.Forward(b)
	if s.steps++; s.steps == s.step {
		out.Loss = out.Loss.MulScalar(math.NaN())
		b.Readback.Value(out.Loss, func(v float64) { out.Value = v })
	}
	return out
}

// TestNaNOneStepBehind: a loss that is NaN in step 7 is reported for step 7, whenever the
// host learns of it, and the encoders are those of step 6.
func TestNaNOneStepBehind(t *testing.T) {
	folder := writePatches(t, 20, 32)
	c := methodRun(t, folder, func(c *config.Contrast) { c.BatchSize, c.Epochs = 4, 2 })
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprint("late=", late), func(t *testing.T) {
			inTorch(t, func() {
				torch.SetThreads(1)
				r, err := NewRun(context.Background(), world.Single(), c, t.TempDir(), nil)
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				r.flight.deferred = late
				r.Model.Method = &spoiled{Method: r.Model.Method, step: 7}
				weights := func() (all [][]float32) {
					for _, p := range slices.Concat(r.Model.Query.State.Parameters(), r.Model.Key.State.Parameters(), r.Model.Optimizer.Buffers) {
						all = append(all, p.Float32s())
					}
					return all
				}
				var after [][]float32
				last := 0
				settle := true
				r.Hooks = []Hook{{
					Settle: func(*Run) bool { return settle },
					Step: func(r *Run, s Step) error {
						if last = s.Step; s.Step == 6 {
							after = weights()
						}
						settle = s.Step < 6
						return nil
					},
				}}
				err = r.Do(context.Background())
				if bad := (*methods.NotFinite)(nil); !errors.As(err, &bad) || bad.What != "the loss" || !strings.Contains(err.Error(), "epoch 2, step 7: ") {
					t.Errorf("got %v, want step 7 reported", err)
				}
				if last != 6 || !reflect.DeepEqual(weights(), after) {
					t.Errorf("the last step of the hooks is %d, and the encoders changed after it", last)
				}
				if r.flight.last != nil {
					t.Error("a step is still in flight")
				}
			})
		})
	}
}

// TestStopOneStepBehind: a stop saves the state with all its steps seen by the hooks. A hook
// that saves in Step is refused unless it settles steps.
func TestStopOneStepBehind(t *testing.T) {
	folder := writePatches(t, 40, 32)
	c := methodRun(t, folder, func(c *config.Contrast) { c.BatchSize, c.Epochs = 4, 2 })
	for _, case_ := range []struct {
		name  string
		end   error
		hooks func(path string) Hook
		seen  int
		fault string
	}{
		{"done", ErrDone, func(string) Hook {
			return Hook{Step: func(r *Run, s Step) error {
				if s.Step == 3 {
					return ErrDone
				}
				return nil
			}}
		}, 4, ""},
		{"saves", nil, func(path string) Hook {
			return Hook{Step: func(r *Run, s Step) error { return r.Save(path) }}
		}, 0, "step 2 has begun: a hook that saves in Step needs Settle"},
		{"settles", nil, func(path string) Hook {
			return Hook{Step: func(r *Run, s Step) error { return r.Save(path) }, Settle: func(*Run) bool { return true }}
		}, 20, ""},
	} {
		t.Run(case_.name, func(t *testing.T) {
			inTorch(t, func() {
				torch.SetThreads(1)
				r, err := NewRun(context.Background(), world.Single(), c, t.TempDir(), nil)
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				r.flight.deferred = true
				seen := 0
				r.Hooks = []Hook{case_.hooks(filepath.Join(r.Dir, "x.pth")), {Order: Save, Step: func(*Run, Step) error { seen++; return nil }}}
				err = r.Do(context.Background())
				if case_.fault != "" {
					if err == nil || !strings.Contains(err.Error(), case_.fault) {
						t.Errorf("got %v, want %s", err, case_.fault)
					}
					return
				}
				if err != nil || seen != case_.seen || r.GlobalStep != seen || r.savedStep != seen {
					t.Errorf("error %v; %d steps seen, %d taken, %d saved, want %d", err, seen, r.GlobalStep, r.savedStep, case_.seen)
				}
			})
		})
	}
}
