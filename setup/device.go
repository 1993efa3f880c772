package setup

import (
	"fmt"
	"strings"

	"contralens/config"
	"contralens/internal/machine"
	"contralens/internal/option"
	"contralens/torch"
)

func init() { config.GPUPrecision = gpuPrecision }

// gpuPrecision returns the automatic precision of the GPU that an option device means, or
// "" if it means the CPU. bfloat16 has the range of float32 and needs no care, but GPUs
// before compute capability 8.0 (Ampere) have no instructions for it, and those before
// 7.0 (Volta) none for mixed precision at all.
func gpuPrecision(device string) string {
	d, err := torch.ParseDevice(device)
	if err != nil {
		return config.NamedPrecision(device) // the device is refused when it is used
	}
	if d.IsCPU() {
		return ""
	}
	g, err := torch.GPUInfo(d)
	switch {
	case err != nil || g.AtLeast(8, 0):
		return "bf16"
	case g.AtLeast(7, 0):
		return "fp16"
	}
	return "fp32"
}

// Device returns the device that the options mean, and makes it compute in their
// precision. It changes nothing on the CPU.
func Device(m config.Machine) (torch.Device, error) {
	d, err := torch.ParseDevice(m.DeviceName())
	if err != nil {
		return d, err
	}
	if d.IsCPU() {
		if needsGPU(m.Precision) {
			return d, option.Text("precision", "auto, fp32 or bf16 on the CPU", m.Precision)
		}
		return d, nil
	}
	if m.Precision == "tf32" {
		if g, err := torch.GPUInfo(d); err == nil && !g.AtLeast(8, 0) {
			return d, option.Text("precision", fmt.Sprintf("fp32 or fp16 on this GPU, as tf32 needs compute capability 8.0 "+
				"and it has %d.%d", g.Major, g.Minor), m.Precision)
		}
	}
	return d, torch.UseGPU(d, torch.Arithmetic{TF32: m.Precision == "tf32", Deterministic: m.Precision == "fp32"})
}

// Dtype is the type in which a network computes in a precision.
func Dtype(precision string) torch.Dtype {
	switch precision {
	case "bf16":
		return torch.BFloat16
	case "fp16":
		return torch.Float16
	}
	return torch.Float32
}

// needsGPU reports whether the CPU does not compute in a precision.
func needsGPU(precision string) bool { return precision == "tf32" || precision == "fp16" }

// AdoptPrecision replaces a precision that was recorded on a GPU by one that the device of
// the options has.
func AdoptPrecision(m *config.Machine) {
	if needsGPU(m.Precision) && !OnGPU(*m) {
		m.Precision = "fp32"
	}
}

// DeviceLine describes the device that the options mean, if it is a GPU, or explains why auto
// means the CPU. It is "" for a CPU that was asked for.
func DeviceLine(m config.Machine) string {
	d, note, err := torch.ChooseDevice(m.DeviceName())
	switch {
	case err != nil:
		return ""
	case d.IsCPU():
		return note
	}
	return "computing on " + describeGPU(d)
}

// DeviceRecord describes the device that the options mean, for run.json.
func DeviceRecord(m config.Machine) string {
	d, err := torch.ParseDevice(m.DeviceName())
	if err != nil || d.IsCPU() {
		return torch.CPU.String()
	}
	g, err := torch.GPUInfo(d)
	if err != nil {
		return d.String()
	}
	return d.String() + ", " + g.Name
}

// describeGPU names a GPU and what it has.
func describeGPU(d torch.Device) string {
	g, err := torch.GPUInfo(d)
	if err != nil {
		return d.String()
	}
	return d.String() + ": " + g.String()
}

// OnGPU reports whether the options mean a GPU.
func OnGPU(m config.Machine) bool {
	d, err := torch.ParseDevice(m.DeviceName())
	return err == nil && !d.IsCPU() || err != nil && strings.HasPrefix(m.DeviceName(), "cuda")
}

// spareCores is the number of processors that a computation on a GPU leaves to the thread that
// launches steps and to the one that launches backward passes.
const spareCores = 2

// Host chooses threads and workers for computing on a device, if the options leave them
// open. On the CPU they are measured elsewhere; on a GPU the processors load images.
func Host(m *config.Machine, d torch.Device) {
	if d.IsCPU() {
		return
	}
	if m.Threads == 0 {
		m.Threads = 1
		torch.SetThreads(1)
	}
	if m.Workers == 0 {
		m.Workers = max(1, machine.Processors()-spareCores)
	}
}
