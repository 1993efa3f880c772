package cpu

import (
	"os"
	"os/exec"
	"slices"
	"testing"

	"contralens/internal/machine"
)

func TestLevels(t *testing.T) {
	if Current() != Best() {
		t.Fatalf("started with %v of %v", Current(), Best())
	}
	var seen []Level
	for l := range Levels() {
		if Current() != l {
			t.Errorf("%v in place of %v", Current(), l)
		}
		seen = append(seen, l)
	}
	want := []Level{Baseline, AVX2, AVX512}[:Best()]
	if !slices.Equal(seen, want) || Current() != Best() {
		t.Errorf("went through %v, want %v, and stayed with %v", seen, want, Current())
	}
	for range Levels() {
		break
	}
	if Current() != Best() {
		t.Errorf("after one level: %v, want %v", Current(), Best())
	}
}

// The best level is that of the processor's instruction sets, or a lower one set by the
// environment.
func TestBest(t *testing.T) {
	if want := os.Getenv("CPU_TEST_BEST"); want != "" {
		if got := Best().String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		return
	}
	best := Baseline
	for level, set := range map[Level]string{AVX2: "avx2", AVX512: "avx512f"} {
		if slices.Contains(machine.Vectors(), set) {
			best = max(best, level)
		}
	}
	for value, want := range map[string]Level{
		"default": Baseline, "avx2": min(best, AVX2), "avx512": best, "": best, "other": best,
	} {
		cmd := exec.Command(os.Args[0], "-test.run=TestBest")
		cmd.Env = append(os.Environ(), "ATEN_CPU_CAPABILITY="+value, "CPU_TEST_BEST="+want.String())
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("ATEN_CPU_CAPABILITY=%s: %v\n%s", value, err, out)
		}
	}
}
