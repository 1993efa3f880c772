package blas

import (
	"os"
	"slices"
	"strings"
	"testing"

	"contralens/internal/cpu"
)

// fake is an OpenBLAS with some kernels. Kernels that it has not leave its own choice.
type fake struct {
	core, own string
	has       []string
	fixed     bool
	tried     []string
}

func (f *fake) Core() string     { return f.core }
func (f *fake) Version() string  { return "OpenBLAS 0.0" }
func (f *fake) Switchable() bool { return !f.fixed }
func (f *fake) Use(core string) {
	f.tried = append(f.tried, core)
	if f.core = f.own; slices.Contains(f.has, core) {
		f.core = core
	}
}

func TestFitTo(t *testing.T) {
	for name, c := range map[string]struct {
		own, user string
		has       []string
		fixed     bool
		processor cpu.Level
		want      Fit
		note      string
	}{
		"an unknown processor with AVX-512": {
			own: "Prescott", has: []string{"Haswell", "SkylakeX", "Prescott"},
			processor: cpu.AVX512, want: Fit{Core: "SkylakeX", Was: "Prescott"}, note: "contralens uses those for SkylakeX"},
		"an unknown processor with AVX2": {
			own: "Prescott", has: []string{"Haswell", "SkylakeX", "Prescott"},
			processor: cpu.AVX2, want: Fit{Core: "Haswell", Was: "Prescott"}, note: "those for Haswell"},
		"AVX2 kernels where AVX-512 would do": {
			own: "Zen", has: []string{"Zen", "SkylakeX"},
			processor: cpu.AVX512, want: Fit{Core: "SkylakeX", Was: "Zen"}, note: "those for SkylakeX"},
		"a build without AVX-512": {
			own: "Nehalem", has: []string{"Haswell", "Nehalem"},
			processor: cpu.AVX512, want: Fit{Core: "Haswell", Was: "Nehalem", Slow: true}, note: "those for Haswell"},
		"a build without better kernels": {
			own: "Nehalem", has: []string{"Nehalem"},
			processor: cpu.AVX512, want: Fit{Core: "Nehalem", Slow: true}, note: "install a newer OpenBLAS"},
		"a build for one processor": {
			own: "Nehalem", fixed: true,
			processor: cpu.AVX2, want: Fit{Core: "Nehalem", Slow: true}, note: "install a newer OpenBLAS"},
		"a user's setting": {
			own: "Prescott", user: "Prescott", has: []string{"Haswell"},
			processor: cpu.AVX2, want: Fit{Core: "Prescott", User: "Prescott", Slow: true}},
		"a fitting choice":         {own: "Zen", has: []string{"Haswell"}, processor: cpu.AVX2, want: Fit{Core: "Zen"}},
		"a fitting user's setting": {own: "Zen", user: "zen", processor: cpu.AVX2, want: Fit{Core: "Zen", User: "zen"}},
		"more than asked for":      {own: "Cooperlake", processor: cpu.AVX2, want: Fit{Core: "Cooperlake"}},
		"a name of tomorrow":       {own: "Quux", has: []string{"Haswell"}, processor: cpu.AVX512, want: Fit{Core: "Quux"}},
		"another architecture":     {own: "neoversev1", processor: cpu.Baseline, want: Fit{Core: "neoversev1"}},
		"a processor without AVX2": {
			own: "Nehalem", has: []string{"Haswell"}, processor: cpu.Baseline, want: Fit{Core: "Nehalem"}},
		"a choice of other letters": {own: "SKYLAKEX", processor: cpu.AVX512, want: Fit{Core: "SKYLAKEX"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := &fake{core: c.own, own: c.own, has: c.has, fixed: c.fixed}
			got := FitTo(l, c.processor, c.user)
			c.want.Version = "OpenBLAS 0.0"
			if got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
			if l.core != c.want.Core {
				t.Errorf("left with %s, want %s", l.core, c.want.Core)
			}
			if note := got.Note(); (note == "") != (c.note == "") || !strings.Contains(note, c.note) {
				t.Errorf("note %q, want %q", note, c.note)
			}
			if (c.user != "" || c.fixed) && len(l.tried) > 0 {
				t.Errorf("tried %v", l.tried)
			}
		})
	}
	for user, want := range map[string]string{
		"zen": "OpenBLAS 1 with kernels for Zen, chosen by OPENBLAS_CORETYPE=zen; those for a later processor would fit this one",
		"Zem": "OpenBLAS 1 with kernels for Zen, in spite of OPENBLAS_CORETYPE=Zem; those for a later processor would fit this one",
	} {
		if got := (Fit{Version: "OpenBLAS 1", Core: "Zen", User: user, Slow: true}).String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if f := FitTo(nil, cpu.AVX512, ""); f != (Fit{}) || f.Note() != "" || f.String() != "not OpenBLAS" {
		t.Errorf("without OpenBLAS: %+v, %q, %s", f, f.Note(), f)
	}
}

// best must name kernels of the level that it is for.
func TestBest(t *testing.T) {
	for l, name := range best {
		if got, known := level(name); !known || got != l {
			t.Errorf("%s is of %v, want %v", name, got, l)
		}
	}
	if len(best) != int(cpu.AVX512-cpu.Baseline) {
		t.Errorf("%d levels have kernels", len(best))
	}
}

// Without libtorch, no OpenBLAS is loaded, and Loaded must say so. With it, package setup's
// tests switch its kernels.
func TestLoaded(t *testing.T) {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Skip(err)
	}
	if l := Loaded(); (l != nil) != strings.Contains(string(maps), "openblas") {
		t.Errorf("Loaded: %v", l)
	}
}
