package layers

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"contralens/internal/golden"
	"contralens/internal/numeric"
	"contralens/internal/tensortest"
	"contralens/torch"
	"contralens/torch/emulated"
)

// The kernels for a GPU, run on the host, agree with the CPU's kernel and with libtorch's
// operators in float64, and take two launches forward and two back.
func TestNormKernels(t *testing.T) {
	for _, dtype := range []torch.Dtype{torch.Float32, torch.BFloat16, torch.Float16} {
		unit := map[torch.Dtype]float64{torch.BFloat16: numeric.UnitBFloat16, torch.Float16: numeric.UnitHalf}[dtype]
		for _, shape := range [][]int{
			{2, 1}, {5, 17}, {500, 128}, {3, 1, 5, 7}, {2, 17, 13, 11}, {4, 64, 17, 10}, {3, 100, 9, 8},
		} {
			if dtype == torch.Float16 && len(shape) == 2 {
				continue // to save time: rows are rows
			}
			for _, mode := range []normMode{{train: true}, {train: true, groups: 3}, {train: false}} {
				for _, kind := range []string{"norm", "relu", "add relu"} {
					t.Run(fmt.Sprint(dtype, shape, kind, fmt.Sprintf("%+v", mode)), func(t *testing.T) {
						tensortest.Run(t, func() { normKernels(t, shape, dtype, mode, kind, unit) })
					})
				}
			}
		}
	}
}

func normKernels(t *testing.T, shape []int, dtype torch.Dtype, mode normMode, kind string, unit float64) {
	want := normResults(shape, dtype, torch.Float64, mode, kind, true)
	var got map[string][]float64
	// normResults takes one pass forward and back, and one forward without recording.
	launches := 6
	if !mode.train {
		launches = 4
	}
	n := emulated.Norms(emulated.Upwards, func() { got = normResults(shape, dtype, dtype, mode, kind, false) })
	if n != launches {
		t.Errorf("%d launches, want %d", n, launches)
	}
	compareNorms(t, got, want, unit, 1e-5)
	if dtype != torch.Float16 { // which the CPU's kernel does not take; here both sides are rounded
		compareNorms(t, got, normResults(shape, dtype, dtype, mode, kind, false), 2*unit, 1e-5)
	}
	// Another order of the threads between two barriers, and of the blocks, gives equal bits.
	order := map[string]int{"norm": emulated.Downwards, "relu": 2, "add relu": 3}[kind]
	emulated.Norms(order, func() { compareNorms(t, normResults(shape, dtype, dtype, mode, kind, false), got, 0, 0) })
}

// A NaN reaches what it reaches by libtorch's operators: its channel in training, itself in
// evaluation. ReLU keeps it.
func TestNormKernelsKeepNaN(t *testing.T) {
	tensortest.Run(t, func() {
		for _, train := range []bool{true, false} {
			values := golden.Input(golden.CInput, 2*8*3*3)
			values[8*9+4] = float32(math.NaN()) // image 1, channel 0
			b := NewBuilder(Options{Rand: rand.New(rand.NewPCG(1, 1))})
			m := b.BatchNorm("bn", 8)
			b.Mode().Train = train
			run := func() []float64 {
				x := torch.FromFloat32(values, 2, 8, 3, 3).Contiguous(torch.ChannelsLast).SetRequiresGrad(true)
				return m.ReLU().Forward(x).Float64s()
			}
			var want, got []float64
			WithoutFusedNorm(func() { want = run() })
			emulated.Norms(emulated.Upwards, func() { got = run() })
			for i := range want {
				if math.IsNaN(want[i]) != math.IsNaN(got[i]) {
					t.Errorf("training %v: element %d is %v, want %v", train, i, got[i], want[i])
				}
			}
			b.State().Free()
		}
	})
}

// Means far from zero cost no precision: the deviation is a hundred-thousandth of the
// mean, and there are enough rows for sums in single precision to show.
func TestNormKernelsFarFromZero(t *testing.T) {
	tensortest.Run(t, func() {
		const rows, channels = 40000, 4
		values := golden.Input(golden.CInput, rows*channels)
		for i := range values {
			values[i] = 1000 + values[i]/100
		}
		run := func(dtype torch.Dtype) []float64 {
			m := &BatchNorm{
				Weight: torch.Ones([]int{channels}).To(dtype), Bias: torch.Zeros([]int{channels}).To(dtype),
				Mean: torch.Zeros([]int{channels}).To(dtype), Variance: torch.Ones([]int{channels}).To(dtype),
				Batches: torch.Zeros(nil, torch.Options{Dtype: torch.Int64}), mode: &Mode{Train: true},
			}
			y := m.Forward(torch.FromFloat32(values, rows, channels).To(dtype))
			return append(y.Float64s(), m.Variance.Float64s()...)
		}
		var got []float64
		want := run(torch.Float64)
		emulated.Norms(emulated.Upwards, func() { got = run(torch.Float32) })
		numeric.AllNear(t, "y and the running variance", got, want, 2e-5)
	})
}
