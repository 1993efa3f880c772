package look

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"contralens/config"
	"contralens/data/datatest"
	"contralens/data/sets"
	"contralens/setup"
)

// The recipe can be typed and read as a file, and both mean the configuration that is
// measured.
func TestAdvice(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "my photos' folder")
	if err := os.Rename(flat(t, 40), dir); err != nil {
		t.Fatal(err)
	}
	a := lookAt(t, dir, Options{Now: still}).Advice
	if a.Sizes.Images != 40 || a.Sizes.Side != 24 {
		t.Errorf("sizes %v", a.Sizes)
	}
	file := filepath.Join(t.TempDir(), "recipe.yaml")
	if err := os.WriteFile(file, []byte(a.YAML), 0o644); err != nil {
		t.Fatal(err)
	}
	read := config.DefaultContrast()
	names, err := config.ReadYAML(file, &read)
	if err != nil {
		t.Fatal(err)
	}
	set := map[string]bool{}
	for _, n := range names {
		set[n] = true
	}
	if _, err := read.Resolve(set); err != nil || config.YAML(&read) != config.YAML(&a.Config) {
		t.Errorf("%v; the file means\n%sbut the recipe is\n%s", err, config.YAML(&read), config.YAML(&a.Config))
	}
	if !strings.Contains(a.Command, `my photos'\''s folder'`[:11]) || strings.Contains(a.Command, "true") {
		t.Errorf("command %s", a.Command)
	}
	for _, c := range a.Choices {
		if a.Reason(c.Option) == "" {
			t.Errorf("nothing says why --%s is %s", c.Option, c.Value)
		}
	}
}

// What a training will keep in memory is added to what was measured, up to the size of the
// cache.
func TestMemory(t *testing.T) {
	l := &looking{splits: []split{{name: "train", data: datatest.Generated{N: 1000, Bad: -1}}}}
	for range 10 {
		l.photos = append(l.photos, &photo{width: 100, height: 200})
	}
	for first, want := range map[int]int64{0: 60e6, 400: 36e6, 2000: 0} {
		if got := l.unread(first); got != want {
			t.Errorf("%d bytes after %d images, want %d", got, first, want)
		}
	}
	l.photos[0].format = "JPEG" // decoded in part, not kept
	if got := l.unread(0); got != 54e6 {
		t.Errorf("%d bytes with a large JPEG file in ten", got)
	}
	for _, p := range l.photos {
		p.width = 100_000
	}
	if got := l.unread(0); got != sets.CacheBytes {
		t.Errorf("%d bytes of a large dataset", got)
	}
}

// Every option that setup.Suggest may choose has a reason.
func TestReasons(t *testing.T) {
	for _, s := range []setup.Sizes{{Images: 300, Side: 500, Processors: 2}, {Images: 60000, Side: 32, Processors: 64}, {Images: 1e6, Side: 400, GPU: true}} {
		c := config.DefaultContrast()
		for _, choice := range setup.Suggest(&c, map[string]bool{}, s) {
			if (Advice{}).Reason(choice.Option) == "" {
				t.Errorf("nothing says why --%s is %s for %v", choice.Option, choice.Value, s)
			}
		}
	}
}

func TestQuote(t *testing.T) {
	for text, want := range map[string]string{"photos": "photos", "a b": "'a b'", "it's": `'it'\''s'`, "": "''", "/x-1/y_2": "/x-1/y_2", "$HOME": "'$HOME'"} {
		if got := quote(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// All values are in one bar, and the bars cover them without empty ones at the ends.
func TestHistogram(t *testing.T) {
	for _, values := range [][]float64{{1}, {5, 6, 7}, {32, 33}, {97, 374, 1600}, {1, 5000}, {12000, 12001}} {
		bars := histogram(values, shortEdges(spread(values)))
		n := 0
		for _, b := range bars {
			n += b.Count
		}
		if n != len(values) || len(bars) > 16 || bars[0].Count == 0 || bars[len(bars)-1].Count == 0 {
			t.Errorf("%v: %v", values, bars)
		}
	}
	if got := histogram([]float64{0.3, 1, 3}, ratioEdges); got[0].Label != "below 0.5" || got[len(got)-1].Label != "from 2" {
		t.Errorf("%v", got)
	}
	if got := histogram(nil, shortEdges(Spread{})); got != nil {
		t.Errorf("%v of nothing", got)
	}
}

func TestWords(t *testing.T) {
	for n, want := range map[int]string{0: "0\u00a0%", 1: "<1\u00a0%", 500: "50\u00a0%", 999: ">99\u00a0%", 1000: "100\u00a0%"} {
		if got := percent(n, 1000); got != want {
			t.Errorf("%d of 1000: %s, want %s", n, got, want)
		}
	}
	for path, want := range map[string]string{
		"/d/a/b.jpg": "a/b.jpg", "/e/b.jpg": "/e/b.jpg", "/e/train.gz#7": "train.gz#7", "/d/train.bin#7": "train.bin#7",
	} {
		if got := below("/d", path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	if got := wrap("one two three", 7); !slices.Equal(got, []string{"one two", "three"}) {
		t.Errorf("%q", got)
	}
	if got := median([]float64{3, 1, math.Inf(1), 2}); got != 2.5 {
		t.Errorf("median %v", got)
	}
}

// Each finding has its limits.
func TestFindings(t *testing.T) {
	usual := func() *Report {
		r := &Report{Splits: []Split{{Name: "train", Images: 5000, Seen: 5000}}}
		r.Advice.Sizes.Images = 5000
		return r
	}
	if all := usual().Findings(); len(all) > 0 {
		t.Errorf("a sound dataset: %v", all)
	}
	for want, change := range map[string]func(*Report){
		"bad 51 image files cannot be read":                           func(r *Report) { r.Broken = make([]Broken, 51) },
		"warn 50 image files cannot be read":                          func(r *Report) { r.Broken = make([]Broken, 50) },
		"hint some files are left out: a is empty; and 1 more":        func(r *Report) { r.Notes = []string{"a is empty: left out", "x"} },
		"hint classes differ much in size: a has 11 images":           func(r *Report) { r.Splits[0].Classes = []Class{{"a", 11}, {"b", 1}} },
		"hint 60\u00a0% of the images have no color":                  func(r *Report) { r.Splits[0].Gray = 3000 },
		"hint the images are large":                                   func(r *Report) { r.Splits[0].Short.Median = 1200 },
		"bad 2 groups of duplicates with images in several splits":    func(r *Report) { r.Duplicates.Leaks = 2 },
		"warn 1 group of duplicates with images of different classes": func(r *Report) { r.Duplicates.Labels = 1 },
		"warn 51 of 5,000 images are copies":                          func(r *Report) { r.Duplicates.Surplus = 51 },
		"warn 3 images of one color":                                  func(r *Report) { r.Duplicates.Blank = 3 },
		"hint 1999 images are few":                                    func(r *Report) { r.Advice.Sizes.Images = 1999 },
		"warn the recommended training takes 4 days here":             func(r *Report) { r.Cost.Whole, r.Cost.Endless = 96*time.Hour, true },
	} {
		r := usual()
		change(r)
		all := r.Findings()
		if len(all) != 1 || !strings.HasPrefix(all[0].Level+" "+all[0].Text, want) {
			t.Errorf("%v, want %q", all, want)
		}
	}
}
