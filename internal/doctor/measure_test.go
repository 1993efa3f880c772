package doctor

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"contralens/torch"
)

// Each GPU's rates have a line, and one that cannot be measured is a problem. Without a GPU
// nothing is measured, which is none.
func TestMeasured(t *testing.T) {
	state := torch.CUDAState{Built: true, Count: 2, Driver: 13020, Runtime: 13000}
	got := measured(state, func(d torch.Device) (rates, error) {
		if d == torch.CUDA(1) {
			return rates{}, errors.New("its memory is full")
		}
		return rates{"bf16", 55.04e9, 789.96e12}, nil
	})
	none := measured(torch.CUDAState{}, nil)
	want := []Finding{{"measured", "nothing, no GPU; contralens bench step measures the CPU", ""}}
	if fmt.Sprint(none) != fmt.Sprint(want) {
		t.Errorf("without a GPU: %v", none)
	}
	if !strings.Contains(state.Problem(), "want libtorch 2.6") {
		want = []Finding{
			{"cuda:0", "measured: uploads 55.0 GB/s from page-locked memory, products 790.0 TFLOP/s in bf16", ""},
			{"cuda:1", "could not be measured", "its memory is full"},
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
}
