package config

import (
	"cmp"
	"strings"

	"contralens/internal/machine"
)

// nativeBF16 reports whether the processor has bfloat16 instructions.
var nativeBF16 = machine.NativeBF16

// GPUPrecision returns the automatic precision of the GPU that an option device means, or
// "" if it means the CPU. Package setup replaces it by a function that looks at the
// machine.
var GPUPrecision = NamedPrecision

// NamedPrecision is GPUPrecision by the name of the device alone.
func NamedPrecision(device string) string {
	if strings.HasPrefix(device, "cuda") {
		return "bf16"
	}
	return ""
}

// DeviceName returns the device that the options ask for.
func (m *Machine) DeviceName() string {
	if m.GPU != "" {
		return "cuda:" + m.GPU
	}
	return m.Device
}

// emulated reports whether bfloat16 would be emulated on a device, which makes it many
// times slower than fp32.
func emulated(device string) bool { return !nativeBF16() && GPUPrecision(device) == "" }

// emulatedNote explains that --amp changes nothing.
const emulatedNote = "--amp has no effect: this processor has no bfloat16 instructions, and emulated ones are " +
	"many times slower than fp32; --precision bf16 insists on them"

// amp applies --amp to the precision, unless bfloat16 would be emulated. On a GPU the
// automatic precision is a mixed one already.
func (m *Machine) amp() {
	if m.Precision == "auto" && m.Amp && !emulated(m.DeviceName()) {
		m.Precision = cmp.Or(GPUPrecision(m.DeviceName()), "bf16")
	}
}

// ampNotes returns notes about an --amp that has no effect.
func (m *Machine) ampNotes() []string {
	switch {
	case m.Amp && (m.Precision == "fp32" || m.Precision == "tf32"):
		return []string{"--amp is overridden by --precision " + m.Precision}
	case m.Amp && m.Precision == "auto": // amp left it so
		return []string{emulatedNote}
	}
	return nil
}

// Settle replaces auto by channels_last and the GPU's precision, on the CPU fp32. It is for
// commands that train no network, and for programs that use these packages as a library.
func (m *Machine) Settle() {
	if m.amp(); m.Precision == "auto" {
		m.Precision = cmp.Or(GPUPrecision(m.DeviceName()), "fp32")
	}
	if m.MemoryFormat == "auto" {
		m.MemoryFormat = "channels_last"
	}
}

// settle is Settle for commands that train no network. It returns notes about --amp.
func (m *Machine) settle() (notes []string) {
	m.amp()
	notes = m.ampNotes()
	m.Settle()
	return notes
}

// amp turns --amp off if bfloat16 would be emulated, and returns a note about it.
func (e *Encoder) amp() (notes []string) {
	if !e.Amp || !emulated(e.Device) {
		return nil
	}
	e.Amp = false
	return []string{strings.Replace(emulatedNote, "; --precision bf16 insists on them", "", 1)}
}
