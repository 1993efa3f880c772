package classify

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"contralens/eval"
	"contralens/internal/golden"
	"contralens/torch"
)

// Figures are the loss and the accuracies that package eval measures.
func TestFigures(t *testing.T) {
	torch.TestDevices(t, func(t *testing.T, d torch.Device) {
		inside(t, func() {
			for _, classes := range []int{3, 5, 12} {
				const n = 40
				labels := make([]int64, n)
				for i := range labels {
					labels[i] = int64(i % classes)
				}
				logits := torch.FromFloat32(golden.Input(uint64(classes), n*classes), n, classes).ToDevice(d)
				target := torch.FromInt64(labels, n).ToDevice(d)
				f := figures(logits.CrossEntropy(target), logits, target)
				defer f.Free()
				got := f.Float64s()
				want := []float64{logits.CrossEntropy(target).Item(),
					eval.Accuracy(logits, labels, 1) * n / 100, eval.Accuracy(logits, labels, min(5, classes)) * n / 100}
				for i := range want {
					if math.Abs(got[i]-want[i]) > 1e-9 {
						t.Errorf("%d classes: %v, want %v", classes, got, want)
						break
					}
				}
			}
		})
	})
}

// Figures that are read late, as on a GPU, are the same, in the same order, also when
// training stops in the middle of an epoch or diverges.
func TestFiguresReadLate(t *testing.T) {
	train := func(late bool, rate float64, stopAt int) (seen []string, end string) {
		inside(t, func() {
			m := network(t)
			defer m.Free()
			tr := trainer(t, m, colors{[]int{20, 20, 20}}, 0)
			defer tr.Heads[0].Free()
			defer tr.Optimizer.Free()
			tr.late, tr.Schedule.Rate = late, rate
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			features, steps := tr.Features, 0
			tr.Features = func(x *torch.Tensor) *torch.Tensor {
				if steps++; steps == stopAt {
					cancel()
				}
				return features(x)
			}
			tr.OnStep = func(s Step) error {
				seen = append(seen, fmt.Sprint(s, tr.Totals))
				return nil
			}
			tr.OnEpoch = func(s Totals) error {
				seen = append(seen, fmt.Sprint("epoch ", tr.Epoch, s))
				return nil
			}
			err := tr.Do(ctx)
			if stopAt > 0 && !errors.Is(err, context.Canceled) {
				t.Errorf("stopped: %v", err)
			}
			end = fmt.Sprint(err, tr.Totals)
			if rate < 1 {
				end += fmt.Sprint(tr.Epoch, tr.StepInEpoch, tr.Step, tr.Heads[0].Weight.Float32s())
			}
		})
		return seen, end
	}
	for _, tc := range []struct {
		rate   float64
		stopAt int
		steps  int // that are reported, epochs included
	}{{0.5, 0, 27}, {0.5, 11, 12}, {math.NaN(), 0, 1}} {
		want, end := train(false, tc.rate, tc.stopAt)
		got, gotEnd := train(true, tc.rate, tc.stopAt)
		if !slices.Equal(got, want) || gotEnd != end || len(want) != tc.steps {
			t.Errorf("rate %v, stop at %d: %d reports and %.300s, want %d and %.300s", tc.rate, tc.stopAt, len(got), gotEnd, len(want), end)
		}
	}
}
