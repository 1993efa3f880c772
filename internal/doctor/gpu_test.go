package doctor

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"contralens/torch"
)

// Each GPU has a line, and one that cannot be used is a problem.
func TestDevices(t *testing.T) {
	state := torch.CUDAState{Built: true, Count: 2, Driver: 13020, Runtime: 13000, CuDNN: 91002}
	got := devices(state, 2, func(d torch.Device) (torch.GPU, error) {
		if d == torch.CUDA(1) {
			return torch.GPU{}, errors.New("device cuda:1: its memory is full")
		}
		return torch.GPU{Name: "NVIDIA H100", Major: 9, Free: 79e9, Total: 80e9, PCI: "0000:3b:00.0"}, nil
	})
	if strings.Contains(state.Problem(), "want libtorch 2.6") {
		if len(got) != 1 || !strings.HasPrefix(got[0].Problem, "want libtorch 2.6 or newer") {
			t.Errorf("an old libtorch: %v", got)
		}
		return
	}
	want := []Finding{
		{"devices", "cpu, 2 GPUs", ""},
		{"CUDA", "13.0, driver for 13.2, cuDNN 9.10.2", ""},
		{"cuda:0", "NVIDIA H100, 79.0 of 80.0 GB free, compute capability 9.0, PCI 0000:3b:00.0", ""},
		{"cuda:1", "cannot be used", "device cuda:1: its memory is full"},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
	none := devices(torch.CUDAState{}, 0, nil)
	if len(none) != 1 || !strings.HasPrefix(none[0].Found, "cpu; no GPU: this libtorch (") || none[0].Problem != "" {
		t.Errorf("without CUDA: %v", none)
	}
	// A driver that is too old is a problem, as is a GPU without one; a hidden GPU and none are not.
	for _, c := range []struct {
		name    string
		state   torch.CUDAState
		onBus   int
		visible bool // CUDA_VISIBLE_DEVICES is not set
		problem bool
		want    string
	}{
		{"an old driver", torch.CUDAState{Built: true, Driver: 11040, Runtime: 13000}, 0, true, true, ""},
		{"a GPU without a driver", torch.CUDAState{Built: true, Runtime: 13000}, 1, true, true, ""},
		{"hidden", torch.CUDAState{Built: true, Driver: 13000, Runtime: 13000}, 1, false, false, ""},
		{"none", torch.CUDAState{Built: true, Runtime: 13000}, 0, true, false, ""},
		{"a libtorch without CUDA", torch.CUDAState{}, 1, true, false, "the machine has 1 NVIDIA GPU"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("CUDA_VISIBLE_DEVICES", "") // to be restored
			if c.visible {
				os.Unsetenv("CUDA_VISIBLE_DEVICES")
			}
			got := devices(c.state, c.onBus, nil)
			if len(got) != 1 || (got[0].Problem != "") != c.problem || !strings.Contains(got[0].Found, c.want) {
				t.Errorf("%+v, want a problem: %v, and %q", got, c.problem, c.want)
			}
		})
	}
	if got := cuDNN(0); got != "no cuDNN" {
		t.Error(got)
	}
}
