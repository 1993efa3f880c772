package torch

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

func TestDevice(t *testing.T) {
	meta := Device{14*128 + 1} // c10::DeviceType::Meta
	for _, c := range []struct {
		d         Device
		name      string
		cpu, cuda bool
		index     int
	}{{CPU, "cpu", true, false, 0}, {CUDA(0), "cuda:0", false, true, 0}, {CUDA(7), "cuda:7", false, true, 7},
		{meta, "meta:0", false, false, 0}} {
		d := c.d
		if d.String() != c.name || d.IsCPU() != c.cpu || d.IsCUDA() != c.cuda || d.Index() != c.index {
			t.Errorf("%v: IsCPU %v, IsCUDA %v, index %d", d, d.IsCPU(), d.IsCUDA(), d.Index())
		}
	}
	inRun(t, func() {
		if d := Empty([]int{2}, Options{Device: meta}).Device(); d != meta {
			t.Errorf("a tensor of device %v says it is on %v", meta, d)
		}
	})
}

// Each reason for which no GPU can be used has a sentence that says what to do.
func TestCUDAProblem(t *testing.T) {
	want := "want libtorch 2.6 or newer for a GPU"
	if got := (CUDAState{Built: true, Count: 1}).problem(20599); !strings.Contains(got, want) {
		t.Errorf("an old libtorch: %q, want %q", got, want)
	}
	const current = 13020
	for name, c := range map[string]struct {
		state   CUDAState
		visible string // CUDA_VISIBLE_DEVICES; "-": not set
		want    string
	}{
		"usable":        {CUDAState{Built: true, Count: 1, Driver: current, Runtime: current}, "-", ""},
		"no CUDA build": {CUDAState{}, "-", "has no CUDA; take one that has: contralens engine build"},
		"no driver":     {CUDAState{Built: true, Runtime: current, code: 35}, "-", "there is no NVIDIA driver; install one that supports CUDA 13.2"},
		"old driver": {CUDAState{Built: true, Driver: 12040, Runtime: current, code: 35}, "-",
			"the NVIDIA driver supports CUDA 12.4 and this libtorch needs 13.2; update the driver, or take a libtorch for CUDA 12"},
		"hidden": {CUDAState{Built: true, Driver: current, Runtime: current, code: 100}, "", `CUDA_VISIBLE_DEVICES is "" and hides every GPU; unset it`},
		"none":   {CUDAState{Built: true, Driver: current, Runtime: current, code: 100}, "-", "the NVIDIA driver sees no GPU"},
		"other": {CUDAState{Built: true, Driver: current, Runtime: current, code: 804, text: "forward compatibility was attempted"}, "-",
			"CUDA says: forward compatibility was attempted (error 804)"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.visible != "-" {
				t.Setenv("CUDA_VISIBLE_DEVICES", c.visible)
			}
			got := c.state.problem(oldestGPU)
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
			if want := name == "hidden"; c.state.Hidden() != want {
				t.Errorf("hidden: %v, want %v", !want, want)
			}
		})
	}
}

// A program that is linked with libtorch has no engine inside.
func TestLinkedHasNoEngine(t *testing.T) {
	if e := Inside(); Linked && e != nil {
		t.Errorf("linked, and inside is %+v", e)
	}
}

// oneDNN says that it has no kernel; other errors are mistakes.
func TestUnsupported(t *testing.T) {
	for message, want := range map[string]bool{
		"could not create a primitive descriptor iterator": true, "mat1 and mat2 shapes cannot be multiplied": false,
	} {
		e := &Error{Op: "aten::conv2d", Message: message}
		if got := e.Unsupported(); got != want {
			t.Errorf("%v: got %v, want %v", e, got, want)
		}
	}
}

// Expandable segments without NVML would end the program.
func TestAllocatorProblem(t *testing.T) {
	for _, c := range []struct {
		name, value string
		nvml        bool
		version     int
		want        bool
	}{
		{"PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True", false, fabricVersion, true},
		{"PYTORCH_ALLOC_CONF", "max_split_size_mb:64, expandable_segments : True", false, 21500, true},
		{"PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True", true, 21500, false},
		{"PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True", false, 20600, false},
		{"PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:False", false, 21500, false},
		{"PYTORCH_CUDA_ALLOC_CONF", "", false, 21500, false},
	} {
		for _, name := range allocatorVariables {
			t.Setenv(name, "")
		}
		t.Setenv(c.name, c.value)
		got := CUDAState{Built: true, Count: 1, NVML: c.nvml}.allocatorProblem(c.version)
		if (got != "") != c.want || c.want && !strings.HasPrefix(got, c.name+"="+c.value+" wants NVIDIA's library libnvidia-ml.so.1") {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

func TestCompiled(t *testing.T) {
	build := "NVCC architecture flags: -gencode;arch=compute_80,code=sm_80;-gencode;arch=compute_90,code=sm_90a;" +
		"-gencode;arch=compute_120,code=compute_120;-gencode;arch=compute_80,code=sm_80"
	have := architectures(build)
	if got := strings.Join(have, " "); got != "sm_80 sm_90 compute_120" {
		t.Errorf("found %s", got)
	}
	for _, c := range []struct {
		major, minor int
		want         bool
	}{{7, 5, false}, {8, 0, true}, {8, 9, true}, {9, 0, true}, {10, 0, false}, {12, 1, true}, {13, 0, true}} {
		if got := compiled(have, GPU{Major: c.major, Minor: c.minor}); got != c.want {
			t.Errorf("%d.%d: %v, want %v", c.major, c.minor, got, c.want)
		}
	}
	if !compiled(nil, GPU{Major: 8}) {
		t.Error("a libtorch that says nothing is refused")
	}
}

func TestChooseDevice(t *testing.T) {
	for _, s := range []string{"", "gpu", "cuda:x", "cuda:-1", "cuda:+1", "cuda:", "tpu"} {
		if _, _, err := ChooseDevice(s); err == nil || !strings.Contains(err.Error(), "want auto, cpu, cuda or cuda:N") {
			t.Errorf("%q: %v", s, err)
		}
	}
	if d, note, err := ChooseDevice("cpu"); d != CPU || note != "" || err != nil {
		t.Errorf("cpu: %v, %q, %v", d, note, err)
	}
	d, note, err := ChooseDevice(Auto)
	state := CUDAInfo()
	switch {
	case err != nil:
		t.Error(err)
	case !state.Built && (d != CPU || !strings.Contains(note, "has no CUDA")):
		t.Errorf("without CUDA, auto is %v, %q; want cpu and why", d, note)
	case state.Built && d.IsCPU() != (note != ""):
		t.Errorf("auto is %v, with the note %q", d, note)
	}
	if _, _, err := ChooseDevice("cuda:99"); err == nil || !strings.HasPrefix(err.Error(), "device cuda:99: ") {
		t.Errorf("cuda:99: %v", err)
	}
}

// Without a GPU, a description of one is a refusal, and so is its use by an old libtorch.
func TestGPU(t *testing.T) {
	if (GPU{Major: 8, Minor: 6}).AtLeast(8, 9) || !(GPU{Major: 9}).AtLeast(8, 9) || CUDA(1).Type() != "cuda" {
		t.Error("capabilities or types are mixed up")
	}
	if got := CUDAVersion(13020); got != "13.2" {
		t.Errorf("CUDA %s", got)
	}
	if CUDADevices() == 0 {
		_, err := GPUInfo(CUDA(0))
		var e *DeviceError
		if !errors.As(err, &e) || e.Device != "cuda:0" || CUDAInfo().Problem() == "" {
			t.Errorf("no GPU, but %v, %q", err, CUDAInfo().Problem())
		}
		if _, unusable := UsableGPU(CUDA(0)); unusable == nil || unusable.Error() != err.Error() {
			t.Errorf("a GPU that is not there: %v, want %v", unusable, err)
		}
		return
	}
	g, err := GPUInfo(CUDA(0))
	if err != nil || g.Name == "" || g.Total < g.Free || g.Free == 0 || CUDAInfo().Problem() != "" {
		t.Errorf("GPU %+v, %v, %q", g, err, CUDAInfo().Problem())
	}
	_, err = UsableGPU(CUDA(0))
	if full := g.Free < leastMemory; (err != nil) != (full || !compiled(architectures(BuildInfo()), g)) {
		t.Errorf("GPU %+v: %v", g, err)
	}
}

// Marks and memory are those of a GPU. Without one, a mark is refused; on the CPU, memory is
// that of the counting allocator.
func TestMarks(t *testing.T) {
	if m := DeviceMemory(CPU); m.Now != MemoryInUse() && CUDADevices() == 0 || m.Peak < m.Now {
		t.Errorf("%+v, with %d bytes in use", m, MemoryInUse())
	}
	var took time.Duration
	err := Run(func() error {
		first := NewMark(CUDA(0))
		defer first.Free()
		last := NewMark(CUDA(0))
		defer last.Free()
		took = last.Since(first)
		if m := DeviceMemory(CUDA(0)); m.Now < 0 || m.Peak < m.Now {
			t.Errorf("%+v", m)
		}
		return nil
	})
	if (err != nil) != (CUDADevices() == 0) || took < 0 {
		t.Errorf("%d GPUs: %v, %v", CUDADevices(), took, err)
	}
}

// The workspace of cuBLAS is fixed for deterministic arithmetic, unless the user has
// chosen one. An old libtorch is refused.
func TestUseGPU(t *testing.T) {
	const variable = "CUBLAS_WORKSPACE_CONFIG"
	defer func(was Device) { inUse = was }(inUse)
	for _, c := range []struct {
		before        string
		deterministic bool
		want          string
	}{{"", false, ""}, {"", true, ":4096:8"}, {":16:8", true, ":16:8"}} {
		t.Setenv(variable, c.before) // to be restored
		if c.before == "" {
			os.Unsetenv(variable)
		}
		err := UseGPU(CUDA(0), Arithmetic{Deterministic: c.deterministic})
		old := versionNumber() < oldestGPU
		if (err != nil) != old || old && !strings.Contains(err.Error(), "want libtorch 2.6") {
			t.Errorf("libtorch %s: %v", Version(), err)
		}
		if got := os.Getenv(variable); got != c.want {
			t.Errorf("%+v: %s is %q", c, variable, got)
		}
	}
}
