package blas

import (
	"fmt"
	"slices"
	"strings"

	"contralens/internal/cpu"
)

// levels has the instructions of OpenBLAS's kernels for x86-64. A name that is missing here
// is left alone.
var levels = map[cpu.Level]string{
	cpu.Baseline: "Athlon Atom Banias Barcelona Bobcat Bulldozer Core2 Coppermine Dunnington Katmai Nano Nehalem " +
		"Northwood Opteron Opteron_SSE3 Penryn Piledriver Prescott Sandybridge Steamroller",
	cpu.AVX2:   "Excavator Haswell Zen",
	cpu.AVX512: "Cooperlake Sapphirerapids SkylakeX",
}

// best has the kernels to use, by the processor's instructions. Those for later processors
// add bfloat16 products only, which libtorch leaves to oneDNN.
var best = map[cpu.Level]string{cpu.AVX2: "Haswell", cpu.AVX512: "SkylakeX"}

// level returns the instructions of some kernels, and reports whether they are known.
func level(core string) (cpu.Level, bool) {
	for l, names := range levels {
		if slices.ContainsFunc(strings.Fields(names), func(s string) bool { return strings.EqualFold(s, core) }) {
			return l, true
		}
	}
	return cpu.Baseline, false
}

// Fit is the outcome of fitting OpenBLAS's kernels to the processor. The zero value is that
// of a process without OpenBLAS.
type Fit struct {
	Version string // of the library
	Core    string // the kernels in use
	Was     string // what OpenBLAS itself chose, if other kernels replaced it
	Slow    bool   // they use fewer instructions than the processor has
	User    string // the user's setting, if there is one
}

// FitTo replaces kernels that use fewer instructions than the processor has. user is the
// value of CoreVariable: a setting of the user's is left alone. Nothing may compute
// meanwhile.
func FitTo(l Library, processor cpu.Level, user string) Fit {
	if l == nil {
		return Fit{}
	}
	f := Fit{Version: l.Version(), Core: l.Core(), User: user}
	now, known := level(f.Core)
	if f.Slow = known && now < processor; !f.Slow || user != "" || !l.Switchable() {
		return f
	}
	own := f.Core
	for want := processor; want > now; want-- {
		l.Use(best[want])
		f.Core = l.Core()
		if reached, known := level(f.Core); known && reached > now && reached <= processor {
			f.Was, f.Slow = own, reached < processor
			return f
		}
	}
	l.Use(own)
	f.Core = l.Core()
	return f
}

// Note returns a sentence for the user about kernels that were replaced or should be, or "".
// A setting of the user's needs none.
func (f Fit) Note() string {
	switch {
	case f.Was != "":
		return fmt.Sprintf("OpenBLAS chose kernels for %s; contralens uses those for %s, which fit this processor "+
			"(%s chooses others)", f.Was, f.Core, CoreVariable)
	case f.Slow && f.User == "":
		return fmt.Sprintf("OpenBLAS uses kernels for %s and has no others: fp32 matrix products take several times "+
			"longer than this processor needs; install a newer OpenBLAS", f.Core)
	default:
		return ""
	}
}

// String describes the kernels and how they were chosen.
func (f Fit) String() string {
	switch {
	case f.Core == "":
		return "not OpenBLAS"
	case f.Was != "":
		return fmt.Sprintf("%s with kernels for %s, chosen by contralens (by itself: %s)", f.Version, f.Core, f.Was)
	case f.User != "":
		how := "chosen by"
		if !strings.EqualFold(f.Core, f.User) {
			how = "in spite of" // it has no such kernels, or not for this processor
		}
		text := fmt.Sprintf("%s with kernels for %s, %s %s=%s", f.Version, f.Core, how, CoreVariable, f.User)
		if f.Slow {
			text += "; those for a later processor would fit this one"
		}
		return text
	default:
		return fmt.Sprintf("%s with kernels for %s, chosen by itself", f.Version, f.Core)
	}
}
