package machine

import (
	"slices"
	"strings"
)

// instructions returns the system's names of the processor's instruction sets; none if
// the system does not tell.
func (s system) instructions() []string {
	text := s.read("/proc/cpuinfo")
	for _, key := range []string{"flags", "Features"} { // amd64, arm64
		if sets := field(text, key); sets != "" {
			return strings.Fields(sets)
		}
	}
	return nil
}

// vectors are the instruction sets that decide how fast tensors are computed.
var vectors = []string{"avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "sve", "bf16"}

// Vectors returns those of the processor's instruction sets that decide how fast
// tensors are computed.
func Vectors() []string { return here.vectors() }

func (s system) vectors() (known []string) {
	have := s.instructions()
	for _, name := range vectors {
		if slices.Contains(have, name) {
			known = append(known, name)
		}
	}
	return known
}

// NativeBF16 reports whether the processor has instructions that multiply bfloat16.
func NativeBF16() bool { return here.nativeBF16() }

func (s system) nativeBF16() bool {
	have := s.instructions()
	native := func(name string) bool { return slices.Contains(have, name) }
	return slices.ContainsFunc([]string{"avx512_bf16", "amx_bf16", "bf16"}, native)
}
