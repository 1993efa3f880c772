package autotune

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"contralens/data"
	"contralens/internal/machine"
	"contralens/nn"
	"contralens/torch"
	"contralens/views"
)

func way(precision, format string) Choice { return Choice{Precision: precision, Format: format} }

func TestBest(t *testing.T) {
	for name, c := range map[string]struct {
		rates []float64 // of all four candidates, in their order
		want  string
	}{
		"a tie":                         {[]float64{100, 102, 104, 108}, "fp32 channels_last"},
		"the other format":              {[]float64{100, 104, 0, 0}, "fp32 contiguous"},
		"bf16":                          {[]float64{100, 90, 115, 117}, "bf16 channels_last"},
		"bf16, but only in one format":  {[]float64{100, 0, 100, 115}, "bf16 contiguous"},
		"not worth its rounding errors": {[]float64{100, 104, 112, 113}, "fp32 contiguous"},
		"bf16 and the other format":     {[]float64{100, 50, 150, 170}, "bf16 contiguous"},
		"slower, as on old processors":  {[]float64{100, 90, 40, 30}, "fp32 channels_last"},
	} {
		var all []Measured
		for i, candidate := range candidates(way(Auto, Auto), true) {
			all = append(all, Measured{candidate, c.rates[i]})
		}
		if got := Best(all).String(); got != c.want {
			t.Errorf("%s: chose %s, want %s", name, got, c.want)
		}
	}
}

func TestCandidates(t *testing.T) {
	for _, c := range []struct {
		given Choice
		bf16  bool
		want  []Choice
	}{
		{way(Auto, Auto), false, []Choice{way("fp32", "channels_last"), way("fp32", "contiguous")}},
		{way("bf16", Auto), false, []Choice{way("bf16", "channels_last"), way("bf16", "contiguous")}}, // as the user wants
		{way(Auto, "contiguous"), true, []Choice{way("fp32", "contiguous"), way("bf16", "contiguous")}},
	} {
		if got := candidates(c.given, c.bf16); !slices.Equal(got, c.want) {
			t.Errorf("%v, bf16 %v: %v, want %v", c.given, c.bf16, got, c.want)
		}
	}
}

// Each processor computes and loads, or does one of both; what is given stays.
func TestSplits(t *testing.T) {
	for _, c := range []struct {
		processors, threads, workers int
		want                         [][2]int
	}{
		{1, 0, 0, [][2]int{{1, 1}}},
		{2, 0, 0, [][2]int{{2, 2}, {2, 1}, {1, 1}}},
		{8, 0, 0, [][2]int{{8, 8}, {8, 4}, {4, 4}, {8, 2}, {6, 2}}},
		{2, 1, 0, [][2]int{{1, 2}, {1, 1}}},
		{2, 0, 3, [][2]int{{2, 3}, {1, 3}}},
		{2, 2, 2, [][2]int{{2, 2}}},
	} {
		var got [][2]int
		for _, s := range splits(c.processors, Choice{Precision: "bf16", Format: "contiguous", Threads: c.threads, Workers: c.workers}) {
			if s.Precision != "bf16" || s.Format != "contiguous" {
				t.Errorf("a split computes in %s %s", s.Precision, s.Format)
			}
			got = append(got, [2]int{s.Threads, s.Workers})
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%d processors, %d threads and %d workers given: %v, want %v", c.processors, c.threads, c.workers, got, c.want)
		}
	}
	split := func(threads int, rate float64) Measured {
		return Measured{Choice{Threads: threads, Workers: 1}, rate}
	}
	for _, c := range []struct{ rate, want float64 }{{109, 2}, {112, 1}} {
		if got := Best([]Measured{split(2, 100), split(1, c.rate)}); float64(got.Threads) != c.want {
			t.Errorf("100 images/s with 2 threads, %v with one: chose %v", c.rate, got)
		}
	}
}

// TestDescribe has rates in plain digits.
func TestDescribe(t *testing.T) {
	all := []Measured{{way("fp32", "channels_last"), 1963.4}, {way("fp32", "contiguous"), 12345}, {way("bf16", "channels_last"), 3.456}}
	want := "computing in fp32 channels_last: 1960 images/s through the encoder and back (fp32 contiguous 12300, bf16 channels_last 3.46); --precision and --memory_format choose otherwise"
	if got := Describe(all[0].Choice, all); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if got, want := Describe(all[0].Choice, all[:1]), "computing in fp32 channels_last: 1960 images/s through the encoder and back; --precision and --memory_format choose otherwise"; got != want {
		t.Errorf("nothing to choose from: got %s\nwant %s", got, want)
	}
	if got, want := all[0].String(), "fp32 channels_last 1960 images/s"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

var small = Task{Net: nn.Config{Arch: "resnet18", Width: 0.06, Stem: "cifar", Groups: 4, Jigsaw: true}, Batch: 8, Side: 16, Threads: 1, Given: way(Auto, Auto)}

// Every way is measured, by networks of its own, and nothing of them stays.
func TestMeasure(t *testing.T) {
	err := torch.Run(func() error {
		torch.SetThreads(1) // such small tensors gain nothing by more
		torch.TrackMemory()
		before := torch.MemoryInUse()
		var seen []Choice
		all, err := Measure(small, true, func(m Measured) { seen = append(seen, m.Choice) })
		if err != nil {
			return err
		}
		want := candidates(small.Given, true)
		for i, m := range all {
			if m.Choice != want[i] || !(m.Rate > 0) {
				t.Errorf("measured %v, want %v", m, want[i])
			}
		}
		if len(all) != len(want) || !slices.Equal(seen, want) {
			t.Errorf("measured %v and told of %v, want %v", all, seen, want)
		}
		if left := torch.MemoryInUse() - before; left > 1<<20 {
			t.Errorf("%d bytes are still in use", left)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// pictures are noise that takes a moment to load.
type pictures struct {
	data.Dataset
	loaded atomic.Int64
}

func (*pictures) Len() int      { return 3 }
func (*pictures) Name() string  { return "pictures" }
func (*pictures) Label(int) int { return -1 }
func (p *pictures) Image(_ int, m *views.Image) error {
	p.loaded.Add(1)
	m.W, m.H, m.Pix = 20, 20, make([]byte, 3*20*20)
	return nil
}

// Splits are measured with images that are loaded meanwhile, also beyond the end of a
// small dataset, and the number of threads is as before.
func TestMeasureSplits(t *testing.T) {
	err := torch.Run(func() error {
		torch.SetThreads(1)
		torch.TrackMemory()
		before := torch.MemoryInUse()
		images, task := &pictures{}, small
		task.Net.Head = "mlp_bn" // cannot train on a last image alone, as 3 in batches of 2 have it
		task.Given = Choice{Precision: "fp32", Format: "contiguous"}
		task.Images = &Images{Dataset: images, Views: []views.Spec{views.Evaluation(task.Side)}}
		want := splits(machine.Processors(), task.Given)
		all, err := Measure(task, false, nil)
		if err != nil {
			return err
		}
		for i, m := range all {
			if m.Choice != want[i] || !(m.Rate > 0) {
				t.Errorf("measured %v, want %v", m, want[i])
			}
		}
		if len(all) != len(want) || task.Open() != (len(want) > 1) {
			t.Errorf("measured %v, want %v", all, want)
		}
		if n := images.loaded.Load(); n <= 3 {
			t.Errorf("%d images were loaded", n)
		}
		if torch.Threads() != 1 {
			t.Errorf("%d threads are left", torch.Threads())
		}
		if left := torch.MemoryInUse() - before; left > 1<<20 {
			t.Errorf("%d bytes are still in use", left)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestCache(t *testing.T) {
	c := Cache{Path: filepath.Join(t.TempDir(), "new", "tune.json"), Key: "this machine"}
	other := small
	other.Batch = 16
	found := []Measured{{way("fp32", "channels_last"), 100}, {way("fp32", "contiguous"), 90}}
	load := func(c Cache, task Task, want []Measured) {
		t.Helper()
		if got, err := c.Load(task); err != nil || !slices.Equal(got, want) {
			t.Errorf("loaded %v, %v, want %v", got, err, want)
		}
	}
	load(c, small, nil)
	for _, task := range []Task{small, other} {
		if err := c.Store(task, found); err != nil {
			t.Fatal(err)
		}
	}
	load(c, small, found)
	load(c, other, found)
	load(Cache{c.Path, "another machine"}, small, nil)
	// Splits are those of a dataset: the same one, where it is.
	split := small
	split.Given, split.Images = Choice{Precision: "fp32", Format: "contiguous"}, &Images{Dataset: &pictures{}, From: "here"}
	load(c, split, nil)
	shared := []Measured{{splits(machine.Processors(), split.Given)[0], 80}}
	if err := c.Store(split, shared); err != nil {
		t.Fatal(err)
	}
	load(c, split, shared)
	elsewhere := split
	elsewhere.Images = &Images{Dataset: &pictures{}, From: "elsewhere"}
	load(c, elsewhere, nil)

	// Nothing is remembered where there is no place for it.
	if (Cache{}).Store(small, found) == nil {
		t.Error("stored nowhere")
	}
	load(Cache{}, small, nil)
	unwritable := Cache{Path: filepath.Join(c.Path, "tune.json")}
	if unwritable.Store(small, found) == nil {
		t.Error("stored below a file")
	}

	for _, text := range []string{"", "{", `{"x": 3}`, "[]"} {
		if err := os.WriteFile(c.Path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Load(small); err == nil || len(got) > 0 || !strings.Contains(err.Error(), c.Path) {
			t.Errorf("%q: loaded %v, %v", text, got, err)
		}
	}
	if err := c.Store(small, []Measured{{way("fp8", "channels_last"), 100}}); err != nil {
		t.Error(err)
	}
	if got, err := c.Load(small); err == nil {
		t.Errorf("loaded %v", got)
	}
}
