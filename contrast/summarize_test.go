package contrast

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"contralens/contrast/ft"
	"contralens/internal/numeric"
	"contralens/torch"
)

// onDevice is InfoNCE in the formulation of a device, on the CPU.
func onDevice(q, k *torch.Tensor, negatives Negatives, draw Draw, o Options) *Output {
	o.byOperators = true
	return InfoNCE(q, k, negatives, draw, o)
}

// TestDeviceStatistics: operators on any device compute the statistics that the kernels
// of the CPU compute, for each kind of negatives and each transformation. All counts are
// equal. Results are the same if they are read later, in one piece.
func TestDeviceStatistics(t *testing.T) {
	const n, k, d, images = 6, 300, 8, 40
	contrasts := map[string]func(u, v, queue *torch.Tensor, transform ft.Transform, o Options) *Output{
		"queue": func(u, v, queue *torch.Tensor, transform ft.Transform, o Options) *Output {
			stream := Stream{Seed: 7}
			draw := stream.Next(transform, n, k, d, torch.CPU)
			if o.byOperators {
				return InfoNCE(u, v, QueueNegatives{Rows: queue}, draw, o)
			}
			return operators(u, v, QueueNegatives{Rows: queue}, draw, o) // the same scores, to the last bit
		},
		"bank": func(u, v, queue *torch.Tensor, transform ft.Transform, o Options) *Output {
			bank, stream := &MemoryBank{Rows: queue.Narrow(0, 0, images)}, Stream{Seed: 8}
			return InfoNCE(u, v, bank.Draw(k, 5, 6), stream.Next(transform, n, k, d, torch.CPU), o)
		},
		"batch": func(u, v, _ *torch.Tensor, transform ft.Transform, o Options) *Output {
			stream := Stream{Seed: 9}
			return NTXent(u, v, stream.Next(transform, 2*n, 2*n, d, torch.CPU), o)
		},
		"similarity": func(u, v, _ *torch.Tensor, transform ft.Transform, o Options) *Output {
			transform.Negative.On, transform.Negative.Normalize = false, false
			stream := Stream{Seed: 10}
			return Similarity(u, v, stream.Next(transform, n, 0, d, torch.CPU), o)
		},
	}
	for kind, contrast := range contrasts {
		for name, transform := range transforms() {
			t.Run(kind+"/"+name, func(t *testing.T) {
				inRun(t, func() {
					run := func(o Options) (*Output, []float32) {
						u, v, queue := unitRows(n, d, 1).SetRequiresGrad(true), unitRows(n, d, 2), unitRows(k, d, 3)
						o.Temperature, o.Bound, o.Scores = 0.2, 2, true
						out := contrast(u, v, queue, transform, o)
						out.Loss.Backward()
						return out, u.Grad().Float32s()
					}
					kernel, gradient := run(Options{})
					device, deviceGradient := run(Options{byOperators: true})
					sameStatistics(t, device.Statistics, kernel.Statistics, 1e-6)
					numeric.Near(t, "loss", device.Value, kernel.Value, 1e-6*math.Abs(kernel.Value))
					for i := range gradient {
						numeric.Near(t, "gradient", float64(deviceGradient[i]), float64(gradient[i]), 1e-6)
					}
					r := torch.NewReadback(torch.CPU).Defer()
					late, _ := run(Options{byOperators: true, Readback: r})
					if len(late.Statistics.Seen.Negatives) > 0 || late.Statistics.Gradient != 0 {
						t.Error("statistics are set before they are read")
					}
					r.Wait()
					sameStatistics(t, late.Statistics, device.Statistics, 0)
				})
			})
		}
	}
}

// sameStatistics compares all fields; numbers may differ by a share of their size.
func sameStatistics(t *testing.T, got, want *Statistics, tolerance float64) {
	t.Helper()
	near := func(name string, got, want float64) {
		t.Helper()
		if !math.IsNaN(got) || !math.IsNaN(want) {
			numeric.Near(t, name, got, want, tolerance*max(0.1, math.Abs(want)))
		}
	}
	near("entropy", got.Entropy, want.Entropy)
	near("gradient", got.Gradient, want.Gradient)
	near("alignment", got.Alignment, want.Alignment)
	near("uniformity", got.Uniformity, want.Uniformity)
	near("λ of positives", got.LambdaPositive, want.LambdaPositive)
	near("λ of negatives", got.LambdaNegative, want.LambdaNegative)
	for i, pair := range [][2]Distribution{{got.Raw, want.Raw}, {got.Seen, want.Seen}} {
		got, want, name := pair[0], pair[1], []string{"raw ", "seen "}[i]
		near(name+"positive mean", got.PosMean, want.PosMean)
		near(name+"positive variance", got.PosVar, want.PosVar)
		near(name+"positive exp", got.PosExp, want.PosExp)
		near(name+"negative mean", got.NegMean, want.NegMean)
		near(name+"negative variance", got.NegVar, want.NegVar)
		near(name+"negative exp", got.NegExp, want.NegExp)
		near(name+"hardest", got.Hardest, want.Hardest)
		near(name+"bound", got.Bound, want.Bound)
		if !slices.Equal(got.Positives, want.Positives) {
			t.Errorf("%spositives differ", name)
		}
		if len(got.Negatives) != Bins || !slices.Equal(got.Negatives, want.Negatives) {
			t.Errorf("%scounts differ", name)
		}
	}
}

// TestDeviceCountsOfQueue: where products of queries and keys are exact, so that no order
// of summation matters, the counts are also those of the kernel that stores no scores.
func TestDeviceCountsOfQueue(t *testing.T) {
	const n, k, d = 5, 700, 16
	grid := func(rows, seed int) *torch.Tensor {
		values := make([]float32, rows*d)
		for i := range values {
			values[i] = float32((i*i*7+i*seed)%65-32) / 64
		}
		return torch.FromFloat32(values, rows, d)
	}
	for name, λ := range map[string]*Lambda{"plain": nil, "mixed": {Value: 0.75}} {
		t.Run(name, func(t *testing.T) {
			inRun(t, func() {
				draw := Draw{Negative: λ}
				if λ != nil {
					order := make([]int64, k)
					for i := range order {
						order[i] = int64((i*11 + 3) % k)
					}
					draw.Permutation = torch.FromInt64(order, k)
				}
				o := Options{Temperature: 0.2, Bound: 2}
				q, key, queue := grid(n, 3), grid(n, 5), QueueNegatives{Rows: grid(k, 11)}
				kernel, device := InfoNCE(q, key, queue, draw, o), onDevice(q, key, queue, draw, o)
				for what, counts := range map[string][2][]int64{
					"raw":  {device.Statistics.Raw.Negatives, kernel.Statistics.Raw.Negatives},
					"seen": {device.Statistics.Seen.Negatives, kernel.Statistics.Seen.Negatives},
				} {
					if len(counts[0]) != Bins || !slices.Equal(counts[0], counts[1]) {
						t.Errorf("%s counts differ", what)
					}
				}
			})
		})
	}
}

// Uniformity of one row is NaN on a device too.
func TestUniformityOfOne(t *testing.T) {
	inRun(t, func() {
		if u := uniformityOf(unitRows(1, 4, 1), unitRows(1, 4, 2)).Item(); !math.IsNaN(u) {
			t.Error(fmt.Sprint("uniformity of one row: ", u))
		}
	})
}
