package autotune

import (
	"os"
	"slices"
	"strings"
)

// Instructions are the names that the system has for the processor's sets of
// instructions.
func Instructions() []string {
	b, _ := os.ReadFile("/proc/cpuinfo") // without it none is known
	return instructions(string(b))
}

func instructions(cpuinfo string) []string {
	for line := range strings.Lines(cpuinfo) {
		key, value, _ := strings.Cut(line, ":")
		if key = strings.TrimSpace(key); key == "flags" || key == "Features" { // amd64, arm64
			return strings.Fields(value)
		}
	}
	return nil
}

// NativeBF16 says whether a processor with those instructions multiplies bfloat16.
func NativeBF16(instructions []string) bool {
	return slices.ContainsFunc([]string{"avx512_bf16", "amx_bf16", "bf16"}, func(s string) bool { return slices.Contains(instructions, s) })
}
