package main

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contralens/autotune"
	"contralens/checkpoint"
	"contralens/internal/humanize"
	"contralens/internal/machine"
	"contralens/torch"
)

// computedIn returns the settings in which the checkpoint of a run says it was trained.
func computedIn(t *testing.T, name string) autotune.Setting {
	t.Helper()
	tree, err := checkpoint.Read(filepath.Join("save", name, "current.pth"))
	if err != nil {
		t.Fatal(err)
	}
	record := tree.Dict("contralens")
	precision, _ := record.Get("precision").(string)
	format, _ := record.Get("memory_format").(string)
	return autotune.Setting{Precision: precision, Format: format}
}

// favor makes one measurement of each workload in the cache the fastest by far and returns its
// setting, with the split of processors if it has one. It is the first or the last one in an
// order of the settings, so that all workloads agree, whatever was faster.
func favor(t *testing.T, last bool) (c autotune.Setting) {
	t.Helper()
	b, err := os.ReadFile(autotune.CacheFile())
	if err != nil {
		t.Fatal(err)
	}
	var all map[string][]autotune.Trial
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	for _, found := range all {
		slices.SortFunc(found, func(a, b autotune.Trial) int {
			return cmp.Or(cmp.Compare(a.Precision, b.Precision), cmp.Compare(a.Format, b.Format), a.Threads-b.Threads, a.Workers-b.Workers)
		})
		at := 0
		if last {
			at = len(found) - 1
		}
		for i := range found {
			found[i].Rate = 1
		}
		if found[at].Rate = 1000; c.Threads == 0 {
			c = found[at].Setting
		}
	}
	if b, err = json.Marshal(all); err == nil {
		err = os.WriteFile(autotune.CacheFile(), b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Automatic settings are measured once and kept for the next run and in the checkpoint. The
// measurement does not change the training.
func TestAutomaticPrecision(t *testing.T) {
	data := stripes(t, 9)
	t.Chdir(t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	auto := func(name string, more ...string) []string {
		return tiny(data, name, append([]string{"--epochs", "2", "--precision", "auto", "--memory_format", "auto"}, more...)...)
	}
	text := must(t, auto("measured")...)
	c := computedIn(t, "measured")
	if !strings.Contains(text, "computing in "+c.String()+": ") {
		t.Errorf("trained in %s, and printed\n%s", c, text)
	}
	must(t, tiny(data, "given", "--epochs", "2", "--precision", c.Precision, "--memory_format", c.Format)...)
	same(t, "save/measured", "save/given")

	slow := favor(t, true)
	must(t, auto("remembered")...)
	if got := computedIn(t, "remembered"); got != slow {
		t.Errorf("trained in %s, want %s as measured before", got, slow)
	}
	// A run that is resumed stays what it is, whatever is measured by then.
	quick := favor(t, false)
	text = must(t, auto("resumed", "--epochs", "3", "--resume", "save/remembered/current.pth")...)
	if got := computedIn(t, "resumed"); got != slow || strings.Contains(text, "computing in") {
		t.Errorf("went on in %s, want %s:\n%s", got, slow, text)
	}
	must(t, auto("remembered", "--resume", "auto")...)
	if code, text := command(t, auto("refused", "--resume", "save/remembered/current.pth", "--precision", other(slow.Precision))...); code != exitFailed || !strings.Contains(text, "leave --precision and --amp out") {
		t.Errorf("exit code %d\n%s", code, text)
	}
	text = must(t, auto("noted", "--epochs", "3", "--resume", "save/remembered/current.pth", "--memory_format", quick.Format)...)
	if !strings.Contains(text, "--memory_format is "+quick.Format) {
		t.Errorf("resumed without a note:\n%s", text)
	}
	if text := must(t, "inspect", "save/remembered/current.pth"); !strings.Contains(text, slow.Precision+", "+slow.Format+", 1 thread, 1 worker\n") {
		t.Errorf("inspect printed\n%s", text)
	}

	// Names of runs tell of options alone.
	must(t, slices.Concat(auto("x"), []string{"--name="})...)
	if found, _ := filepath.Glob("save/MoCov2_*"); len(found) != 1 || strings.Contains(found[0], "precision") || strings.Contains(found[0], "format") {
		t.Errorf("runs without a name: %v", found)
	}
}

// The split of processors is measured too, and kept for the next run and for resuming. With
// --precision fp32 it is not measured.
func TestAutomaticSplit(t *testing.T) {
	if machine.Processors() < 2 {
		t.Skip("one processor is not split")
	}
	data := stripes(t, 9)
	t.Chdir(t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	line := func(name, precision string, more ...string) []string {
		torch.SetThreads(machine.Processors()) // as a process starts; the run before it chose others
		return tiny(data, name, append([]string{"--epochs", "1", "--precision", precision, "--memory_format", "channels_last", "--threads", "0", "-j", "0"}, more...)...)
	}
	defer torch.SetThreads(torch.Threads())
	if text := must(t, line("measured", "auto")...); !strings.Contains(text, ", loading with ") {
		t.Errorf("a first run printed\n%s", text)
	}
	// Which precision is fastest depends on the machine's moment, and each precision has splits
	// of its own. The chosen one is settled first, and then its splits are measured.
	favor(t, true)
	must(t, line("settled", "auto")...)
	slow := favor(t, true)
	text := must(t, line("remembered", "auto")...)
	if !strings.Contains(text, slow.String()) || torch.Threads() != slow.Threads {
		t.Errorf("computed with %d threads where %s is fastest, and printed\n%s", torch.Threads(), slow, text)
	}
	computed := humanize.Count(slow.Threads, "thread") + ", " + humanize.Count(slow.Workers, "worker")
	if text := must(t, "inspect", "save/remembered/current.pth"); !strings.Contains(text, computed) {
		t.Errorf("want %s, inspect printed\n%s", computed, text)
	}
	favor(t, false)
	for _, resumed := range [][]string{line("remembered", "auto", "--resume", "auto"), line("resumed", "auto", "--epochs", "2", "--resume", "save/remembered/current.pth")} {
		torch.SetThreads(machine.Processors())
		if text := must(t, resumed...); torch.Threads() != slow.Threads || strings.Contains(text, "shared") {
			t.Errorf("went on with %d threads, want %d, and printed\n%s", torch.Threads(), slow.Threads, text)
		}
	}
	if text := must(t, "inspect", "save/resumed/current.pth"); !strings.Contains(text, computed) {
		t.Errorf("want %s, inspect printed\n%s", computed, text)
	}
	native := machine.NativeBF16()
	if text := must(t, line("asked", "bf16")...); strings.Contains(text, "emulated") == native {
		t.Errorf("bf16 with native instructions %v printed\n%s", native, text)
	}
	if text := must(t, line("given", "fp32")...); strings.Contains(text, "shared") || torch.Threads() != machine.Processors() {
		t.Errorf("fp32 with %d threads, printed\n%s", torch.Threads(), text)
	}
}

func other(precision string) string {
	if precision == "fp32" {
		return "bf16"
	}
	return "fp32"
}

// Tests do not see what else runs on the machine: what is measured beside others is not kept.
func init() { others(0) }

// others makes other programs take a share of the processors.
func others(share float64) {
	watchLoad = func() func() float64 { return func() float64 { return share } }
}

// What was measured while other programs ran is used, but not kept.
func TestMeasuredBesideOthers(t *testing.T) {
	data := stripes(t, 4)
	t.Chdir(t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	defer others(0)
	others(0.5)
	for _, name := range []string{"first", "second"} {
		text := must(t, tiny(data, name, "--epochs", "1", "--precision", "auto", "--memory_format", "channels_last")...)
		if !strings.Contains(text, "other programs took 50 % of the processors") || strings.Contains(text, "measured by an earlier run") || !strings.Contains(text, "computing in "+computedIn(t, name).String()) {
			t.Errorf("the %s run printed\n%s", name, text)
		}
	}
	others(0)
	must(t, tiny(data, "third", "--epochs", "1", "--precision", "auto", "--memory_format", "channels_last")...)
	if text := must(t, tiny(data, "fourth", "--epochs", "1", "--precision", "auto", "--memory_format", "channels_last")...); !strings.Contains(text, "measured by an earlier run") {
		t.Errorf("after a run without others, printed\n%s", text)
	}
}

// A training runs even if the cache is damaged or cannot be written.
func TestCacheOfNoUse(t *testing.T) {
	data := stripes(t, 4)
	t.Chdir(t.TempDir())
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	line := func(name string) []string {
		return tiny(data, name, "--epochs", "1", "--precision", "auto", "--memory_format", "channels_last")
	}
	if err := os.Mkdir(filepath.Join(cache, "contralens"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(autotune.CacheFile(), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if text := must(t, line("damaged")...); !strings.Contains(text, "measuring again, because "+autotune.CacheFile()+" is damaged") {
		t.Errorf("a damaged cache: printed\n%s", text)
	}
	if text := must(t, line("mended")...); strings.Contains(text, "measuring again") {
		t.Errorf("a cache that was damaged: printed\n%s", text)
	}
	t.Setenv("XDG_CACHE_HOME", autotune.CacheFile())
	if text := must(t, line("unkept")...); !strings.Contains(text, "cannot be saved") {
		t.Errorf("a cache below a file: printed\n%s", text)
	}
}

// fp32 reproduces the same bits, also with several compute threads.
func TestFP32IsReproducible(t *testing.T) {
	data := stripes(t, 9)
	t.Chdir(t.TempDir())
	for _, name := range []string{"once", "twice"} {
		// Large enough for libtorch to share operations between threads.
		must(t, tiny(data, name, "--epochs", "1", "--precision", "fp32", "--threads", "2", "-j", "2", "--width", "0.25", "--input_res", "32", "--batch_size", "16", "-k", "64", "-d", "128")...)
	}
	same(t, "save/once", "save/twice")
}
