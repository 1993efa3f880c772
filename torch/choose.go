package torch

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"contralens/internal/option"
)

// Auto is the name of the device that is best: the first GPU that can be used, or else
// the CPU.
const Auto = "auto"

// DeviceError is the error of a device that exists in principle and cannot be used.
type DeviceError struct {
	Device string // "cuda:3"
	Why    string // and what to do about it
}

func (e *DeviceError) Error() string { return fmt.Sprintf("device %s: %s", e.Device, e.Why) }

// ParseDevice returns the device that s names: cpu, cuda, which is cuda:0, cuda:N or auto.
// The error says why the device cannot be used. The first call for a GPU decides for the
// whole process: memory that it takes later does not change the answer.
func ParseDevice(s string) (Device, error) {
	d, _, err := ChooseDevice(s)
	return d, err
}

// ChooseDevice is ParseDevice. note explains why auto means the CPU.
func ChooseDevice(s string) (d Device, note string, err error) {
	if err := Load(); err != nil {
		return CPU, "", err
	}
	if s == "cpu" {
		return CPU, "", nil
	}
	c, _ := choices.LoadOrStore(s, sync.OnceValue(func() choice {
		d, note, err := choose(s)
		return choice{d, note, err}
	}))
	found := c.(func() choice)()
	return found.device, found.note, found.err
}

// choice is what ChooseDevice returns.
type choice struct {
	device Device
	note   string
	err    error
}

var choices sync.Map // name → func() choice

func choose(s string) (d Device, note string, err error) {
	if s == Auto {
		d, why := best()
		if why != "" {
			note = "computing on the CPU: " + why
		}
		return d, note, nil
	}
	index := 0
	if rest, ok := strings.CutPrefix(s, "cuda:"); ok {
		if index, err = strconv.Atoi(rest); err != nil || index < 0 || strings.ContainsAny(rest, "+-") {
			index = -1
		}
	} else if s != "cuda" {
		index = -1
	}
	if index < 0 {
		return CPU, "", option.Text("device", "auto, cpu, cuda or cuda:N", s)
	}
	state := CUDAInfo()
	switch n := state.Count; {
	case state.Problem() != "":
		return CPU, "", &DeviceError{s, state.Problem() + ", or use cpu"}
	case index >= n && n == 1:
		return CPU, "", &DeviceError{s, "there is one GPU, cuda:0"}
	case index >= n:
		return CPU, "", &DeviceError{s, fmt.Sprintf("there are %d GPUs, cuda:0 to cuda:%d", n, n-1)}
	}
	if _, err := UsableGPU(CUDA(index)); err != nil {
		return CPU, "", err
	}
	return CUDA(index), "", nil
}

// best returns the first GPU that can be used, or the CPU; why explains that.
func best() (d Device, why string) {
	state := CUDAInfo()
	if !state.Built { // Problem says how to get one that has, which a machine without a GPU does not need
		return CPU, fmt.Sprintf("this libtorch (%s) has no CUDA", Version())
	}
	if why = state.Problem(); why != "" {
		return CPU, why
	}
	for i := range state.Count {
		_, err := UsableGPU(CUDA(i))
		if err == nil {
			return CUDA(i), ""
		}
		why = err.Error()
	}
	return CPU, why
}

// leastMemory is the free memory, in bytes, without which no network trains.
const leastMemory = 256 << 20

// UsableGPU describes a GPU as GPUInfo does; the error also says why nothing can be computed on
// a GPU that is there.
func UsableGPU(d Device) (g GPU, err error) {
	if g, err = GPUInfo(d); err != nil {
		return g, err
	}
	if why := CUDAInfo().allocatorProblem(versionNumber()); why != "" {
		return g, &DeviceError{d.String(), why}
	}
	if g.Free < leastMemory {
		return g, &DeviceError{d.String(), fmt.Sprintf("want %.2f GB of free memory, got %.2f of %.2f GB; %s",
			float64(leastMemory)/1e9, float64(g.Free)/1e9, float64(g.Total)/1e9, freeMemory)}
	}
	if have := architectures(BuildInfo()); !compiled(have, g) {
		return g, &DeviceError{d.String(), fmt.Sprintf("%s has compute capability %d.%d and this libtorch was built for %s; "+
			"use another libtorch or another device", g.Name, g.Major, g.Minor, strings.Join(have, ", "))}
	}
	return g, nil
}

var architecture = regexp.MustCompile(`code=(sm|compute)_([0-9]+)([0-9])[af]?\b`)

// architectures lists the GPUs that a libtorch was built for, as "sm_90" for machine code
// and "compute_90" for code that newer GPUs translate.
func architectures(build string) (all []string) {
	for _, m := range architecture.FindAllStringSubmatch(build, -1) {
		if name := m[1] + "_" + m[2] + m[3]; !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// compiled reports whether there is code for a GPU. Machine code runs on GPUs of the same
// major capability and no smaller minor one. An empty list means that nothing is known.
func compiled(have []string, g GPU) bool {
	for _, name := range have {
		kind, digits, _ := strings.Cut(name, "_")
		major, _ := strconv.Atoi(digits[:len(digits)-1])
		minor, _ := strconv.Atoi(digits[len(digits)-1:])
		if g.AtLeast(major, minor) && (kind == "compute" || g.Major == major) {
			return true
		}
	}
	return len(have) == 0
}
