package config

import (
	"strings"

	"contralens/internal/machine"
)

// nativeBF16 reports whether the processor has bfloat16 instructions.
var nativeBF16 = machine.NativeBF16

// emulated reports whether bfloat16 would be emulated on a device, which makes it many
// times slower than fp32.
func emulated(device, gpu string) bool {
	return gpu == "" && !strings.HasPrefix(device, "cuda") && !nativeBF16()
}

// emulatedNote explains that --amp changes nothing.
const emulatedNote = "--amp has no effect: this processor has no bfloat16 instructions, and emulated ones are " +
	"many times slower than fp32; --precision bf16 insists on them"

// amp applies --amp to the precision, unless bfloat16 would be emulated.
func (m *Machine) amp() {
	if m.Precision == "auto" && m.Amp && !emulated(m.Device, m.GPU) {
		m.Precision = "bf16"
	}
}

// ampNotes returns notes about an --amp that has no effect.
func (m *Machine) ampNotes() []string {
	switch {
	case m.Amp && m.Precision == "fp32":
		return []string{"--amp is overridden by --precision fp32"}
	case m.Amp && m.Precision == "auto": // amp left it so
		return []string{emulatedNote}
	}
	return nil
}

// Settle replaces auto by fp32 and channels_last. It is for commands that train no network,
// and for programs that use these packages as a library.
func (m *Machine) Settle() {
	if m.amp(); m.Precision == "auto" {
		m.Precision = "fp32"
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
	if !e.Amp || !emulated(e.Device, "") {
		return nil
	}
	e.Amp = false
	return []string{strings.Replace(emulatedNote, "; --precision bf16 insists on them", "", 1)}
}
