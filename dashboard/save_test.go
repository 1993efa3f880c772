package dashboard

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"contralens/scores/record"
)

var savedAt = time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)

// savePage saves the page of runs and returns its file and text.
func savePage(t testing.TB, dirs ...string) (path, text string) {
	t.Helper()
	var b bytes.Buffer
	check(t, SavePage(&b, dirs, savedAt))
	path = filepath.Join(t.TempDir(), "run.html")
	check(t, os.WriteFile(path, b.Bytes(), 0o644))
	return path, b.String()
}

// TestSavePage: the page of two runs opens from the disk and shows what the dashboard shows.
func TestSavePage(t *testing.T) {
	_, plain, ft := twoRuns(t)
	path, _ := savePage(t, plain.dir, ft.dir)
	p := openAddress(t, "file://"+path, desktop)
	p.until(drawn)
	if got := eval[string](p, `document.querySelector(".saved").textContent`); !strings.Contains(got, "28 November 2026") || !strings.Contains(got, "every step") {
		t.Errorf("want the time and the resolution, got %q", got)
	}
	if n := eval[int](p, `document.querySelectorAll(".facts tbody tr").length`); n != 2 {
		t.Errorf("want both runs, got %d", n)
	}
	if csv := p.download("loss", "csv"); !strings.Contains(csv, "\nft,loss,") || !strings.Contains(csv, "\nplain,loss,") {
		t.Errorf("want both runs' losses, got %.200s", csv)
	}
	p.do(js(`document.querySelector("[aria-label='Zoom in']").click()`))
	p.until(`document.querySelector(".span").textContent.startsWith("steps 1")`)
	p.do(js(`document.querySelector("[data-tab=histograms]").click()`))
	p.until(`document.querySelectorAll(".histograms image").length === 4`)
	p.do(js(`document.querySelector("[data-tab='3d']").click()`))
	p.until(`document.querySelectorAll("[data-chart='3d'] path").length > 5`)
	p.do(js(`document.querySelector("[data-tab=embedding]").click()`))
	p.until(`document.querySelectorAll(".scatter [data-i]").length === 120`)
	p.do(js(`document.querySelector("[value=umap]").click()`))
	p.within(20*time.Second, `document.querySelector("[data-chart=embedding] .readout").textContent.includes("UMAP with")`)
	p.do(js(`document.querySelector("[name=pictures]").click()`))
	p.until(`document.querySelectorAll(".scatter svg image").length === 120`)
	if loads := eval[bool](p, `document.querySelector(".scatter svg image").getAttribute("href").startsWith("data:image/jpeg;base64,/9j/")`); !loads {
		t.Error("the thumbnails do not load")
	}
	p.do(js(`document.querySelector("[data-tab=settings]").click()`))
	p.until(`document.querySelectorAll(".options .differs").length > 0`)
	p.do(js(`document.querySelector(".brand").click()`))
	p.until(`document.querySelectorAll("tbody tr").length === 2`)
}

// TestSavePageMillion: a million steps, with a probe of many images and epochs, fit into the
// limit, and keep the peaks of the curves.
func TestSavePageMillion(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "long")
	check(t, record.Generate(record.Dir(dir), 1_000_000))
	f := &fixture{dir: dir, rng: newRun(t, filepath.Join(t.TempDir(), "x"), nil).rng}
	f.probe(t, 600, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
	begin := time.Now()
	path, text := savePage(t, dir)
	t.Logf("%d bytes after %v", len(text), time.Since(begin).Round(time.Millisecond))
	if len(text) > PageLimit {
		t.Errorf("want at most %d bytes, got %d", PageLimit, len(text))
	}
	p := openAddress(t, "file://"+path, desktop)
	p.until(drawn)
	if got := eval[string](p, `document.querySelector(".saved").textContent`); !regexp.MustCompile(`up to \d+ steps`).MatchString(got) {
		t.Errorf("want the resolution, got %q", got)
	}
	if csv := p.download("loss", "csv"); strings.Count(csv, ",50\n") != 9 {
		t.Errorf("want the nine peaks of 50 among the maxima, got %d", strings.Count(csv, ",50\n"))
	}
	p.do(js(`document.querySelector("[data-tab=embedding]").click()`))
	p.until(`document.querySelectorAll(".scatter [data-i]").length >= 50`)
}

// TestSavePageNames: runs of equal names are told apart, and folders that are no run are
// refused.
func TestSavePageNames(t *testing.T) {
	dir := t.TempDir()
	for _, parent := range []string{"a", "b"} {
		newRun(t, filepath.Join(dir, parent, "run"), nil).train(t, 3)
	}
	shots, closeAll, err := openShots([]string{filepath.Join(dir, "a", "run"), filepath.Join(dir, "b", "run")})
	check(t, err)
	defer closeAll()
	if shots[0].name != "run" || shots[1].name != "run (2)" {
		t.Errorf("got the names %q and %q", shots[0].name, shots[1].name)
	}
	for _, other := range []string{dir, filepath.Join(dir, "nowhere")} {
		if err := SavePage(&bytes.Buffer{}, []string{other}, savedAt); err == nil || IsRun(other) {
			t.Errorf("%s: want an error, got %v", other, err)
		}
	}
	if !IsRun(filepath.Join(dir, "a", "run")) {
		t.Error("a run is a run")
	}
}

// TestWholePage: the page is one file, without references to others.
func TestWholePage(t *testing.T) {
	page, err := wholePage([]byte("data"), "a <b>sentence</b>")
	check(t, err)
	visible := regexp.MustCompile(`(?s)<(script|style).*?</(script|style)>`).ReplaceAllString(page, "")
	if refers := regexp.MustCompile(`(src|href)="[^#d]`).FindString(visible); refers != "" {
		t.Errorf("the page refers to %q", refers)
	}
	if !strings.Contains(visible, "a &lt;b&gt;sentence&lt;/b&gt;") {
		t.Error("the sentence is not escaped")
	}
	if n := strings.Count(page, "</script>"); n != 4 {
		t.Errorf("want four scripts, got %d: an inner </script> ends one early", n)
	}
}

// TestSpread: few elements of a list, with both ends.
func TestSpread(t *testing.T) {
	for n, want := range map[int][]int{1: {9}, 2: {0, 9}, 3: {0, 4, 9}, 12: {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}} {
		got := spread([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, n)
		if len(got) != len(want) || got[0] != want[0] || got[len(got)-1] != want[len(want)-1] {
			t.Errorf("%d: got %v, want %v", n, got, want)
		}
	}
}
