package dashboard

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"contralens/rundir"
)

// sweep makes four runs that differ in temperature and transformation, with k-NN accuracies,
// of which b is best in the end and c in between.
func sweep(t testing.TB) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for i, name := range []string{"a", "b", "c", "d"} {
		options := map[string]string{"nce_t": []string{"0.1", "0.2"}[i%2]}
		if i >= 2 {
			options["mixnorm"], options["mixnorm_target"] = "true", "pos"
		}
		f := newRun(t, filepath.Join(dir, name), options)
		f.train(t, 30+10*i)
		for epoch, top1 := range [][]float64{{99, 50, 51}, {99, 50, 62}, {99, 70, 40}, {99}}[i] {
			f.append(t, rundir.ResultsFile, map[string]any{"protocol": "knn", "epoch": epoch, "metrics": map[string]any{"top1": top1}})
		}
	}
	return dir
}

const shownRuns = `[...document.querySelectorAll("tbody tr[data-run]")].map((r) => r.dataset.run).join("")`

// TestSort: by the head of a column, by the best or the last k-NN accuracy; unknown values
// come last. The order is kept by a reload. Groups have the mean of their accuracies.
func TestSort(t *testing.T) {
	p := open(t, serve(t, sweep(t)), "", desktop)
	p.until(`document.querySelectorAll("tbody tr").length === 4 && document.querySelector("[name=group]")`)
	press := func(column string) { p.do(js(fmt.Sprintf(`document.querySelector("th.%s button").click()`, column))) }
	order := func(want string) {
		t.Helper()
		p.until(fmt.Sprintf("%s === %q", shownRuns, want))
	}
	press("knn")
	order("cbad")
	if got := eval[string](p, `document.querySelector("th.knn").getAttribute("aria-sort")`); got != "descending" {
		t.Errorf("the head says the order is %q", got)
	}
	press("knn")
	order("abcd")
	pick := func(name, value string) {
		p.do(js(fmt.Sprintf(`{const s = document.querySelector("[name=%s]"); s.value = %q; s.dispatchEvent(new Event("change"))}`, name, value)))
	}
	pick("knn", "last")
	order("cabd")
	if got := eval[string](p, `document.querySelector("tr[data-run=c] .knn").textContent`); got != "40.0 %k-NN, epoch 2" {
		t.Errorf("want the last accuracy with its epoch, got %q", got)
	}
	if got := eval[string](p, `document.querySelector("tr[data-run=d] .knn").textContent`); got != "–untrained 99.0 %" {
		t.Errorf("the untrained network's accuracy is no result, got %q", got)
	}
	press("name")
	order("abcd")
	press("name")
	order("dcba")
	pick("group", "nce_t")
	p.until(`document.querySelectorAll("tr.group").length === 2`)
	order("dbca")
	if got := eval[string](p, `document.querySelectorAll("tr.group")[1].innerText`); !strings.Contains(got, "nce_t 0.1") || !strings.Contains(got, "2 runs · k-NN 45.5 % (40.0 to 51.0)") {
		t.Errorf("want the group's value and accuracies, got %q", got)
	}
	p.until(`location.hash.includes("group=nce_t") && location.hash.includes("sort=-name")`)
	p.do(chromedp.Reload())
	p.until(`document.querySelectorAll("tr.group").length === 2`)
	order("dbca")
	p.shot("overview-groups")
}

// TestParallelFT: of the options that --ft sets, the axis is called ft.
func TestParallelFT(t *testing.T) {
	dir := t.TempDir()
	newRun(t, dir+"/plain", map[string]string{"ft": "none"}).train(t, 20)
	newRun(t, dir+"/ft", map[string]string{"ft": "posneg", "expolation_mask": "true", "mixnorm": "true", "sep_alpha": "true"}).train(t, 20)
	p := open(t, serve(t, dir), "#/?parallel=1", desktop)
	p.until(`document.querySelector(".parallel svg")?.textContent.includes("posneg")`)
	if got := eval[string](p, `document.querySelector(".parallel svg > text[font-weight]").textContent`); got != "ft" {
		t.Errorf("the first axis is called %q, want ft", got)
	}
}

// TestParallel: a line for each run, axes for the options that differ, once for options that
// go together, and for the results. A click chooses a run.
func TestParallel(t *testing.T) {
	p := open(t, serve(t, sweep(t)), "#/?parallel=1", desktop)
	p.until(`document.querySelectorAll(".parallel path").length === 4 && document.querySelector(".parallel svg").textContent.includes("τ")`)
	titles := eval[[]string](p, `[...document.querySelectorAll(".parallel svg > text[font-weight]")].map((t) => t.textContent)`)
	if got := strings.Join(titles, " "); got != "mixnorm τ Loss Accuracy" {
		t.Errorf("got the axes %q", got)
	}
	if csv := p.download("parallel", "csv"); !strings.HasPrefix(csv, "run,mixnorm,τ,Loss,Accuracy\n") || !strings.Contains(csv, "\nc,true,0.1,") || !strings.Contains(csv, ",70.0 %\n") {
		t.Errorf("want a row for each run, got %s", csv)
	}
	at := eval[[]float64](p, `(() => { const l = document.querySelector(".parallel [data-run=c]"), m = l.getScreenCTM(), q = l.getPointAtLength(l.getTotalLength() - 3); return [q.x * m.a + m.e, q.y * m.d + m.f]; })()`)
	p.click(at[0], at[1])
	p.until(`document.querySelector("tr[data-run=c] input").checked`)
	p.shot("parallel")
}

// TestRemarks: note and tags of a run are written on its page, found in the overview, and
// survive on disk; an archived run is listed on request.
func TestRemarks(t *testing.T) {
	dir := sweep(t)
	server := serve(t, dir)
	p := open(t, server, runHash("settings", "b"), desktop)
	p.until(`document.querySelector(".edit") && !document.querySelector(".edit").hidden`)
	p.do(js(`document.querySelector(".edit").click()`))
	p.do(js(`document.querySelector("textarea").value = "the <b>good</b> one"; document.querySelector(".editor [type=text]").value = "paper, keep, paper"`))
	p.do(js(`[...document.querySelectorAll(".editor button")].find((b) => b.textContent === "Save").click()`))
	p.until(`document.querySelector(".remarks .remark").textContent === "the <b>good</b> one" && document.querySelectorAll(".remarks .tag").length >= 2`)
	b, err := os.ReadFile(filepath.Join(dir, "b", rundir.NotesFile))
	check(t, err)
	var notes rundir.Notes
	check(t, json.Unmarshal(b, &notes))
	if notes.Text != "the <b>good</b> one" || strings.Join(notes.Tags, " ") != "paper keep" {
		t.Errorf("got %s on disk", b)
	}
	p.do(chromedp.Navigate(server.URL + "/#/?find=keep"))
	p.until(shownRuns + ` === "b" && document.querySelector("tr[data-run=b] .tag").textContent === "paper"`)
	p.do(js(`document.querySelector("td.select input").click()`))
	p.until(`!document.querySelector(".archive").hidden`)
	p.do(js(`document.querySelector(".archive").click()`))
	p.until(`document.querySelector(".empty").textContent.includes("match") && document.querySelector("[name=archived]")`)
	p.do(js(`document.querySelector("[name=archived]").click()`))
	p.until(shownRuns + ` === "b"`)
	if b, err := os.ReadFile(filepath.Join(dir, "b", rundir.NotesFile)); err != nil || !strings.Contains(string(b), `"hidden": true`) || !strings.Contains(string(b), "good") {
		t.Errorf("archiving keeps the note, got %s, %v", b, err)
	}
	// Edited by hand.
	write(t, filepath.Join(dir, "a", rundir.NotesFile), `{"tags": ["by hand"]}`)
	p.do(chromedp.Navigate(server.URL + "/#/?find=hand"))
	p.until(shownRuns + ` === "a"`)
}

// TestNotesByOthers: notes are refused from other machines, other sites, through proxies, and
// if they are not notes; nothing is written outside of the run.
func TestNotesByOthers(t *testing.T) {
	dir := t.TempDir()
	newRun(t, filepath.Join(dir, "run"), nil)
	s, err := New(Options{Dir: dir})
	check(t, err)
	defer s.Close()
	const good = `{"text": "n"}`
	for _, c := range []struct {
		name, run, body, from, kind string
		headers                     map[string]string
		want                        int
	}{
		{name: "from here", want: 204},
		{name: "from here, IPv6", from: "[::1]:5555", want: 204},
		{name: "from elsewhere", from: "192.0.2.1:5555", want: 403},
		{name: "by way of a proxy", headers: map[string]string{"X-Forwarded-For": "192.0.2.1"}, want: 403},
		{name: "from another site", headers: map[string]string{"Origin": "http://evil.example"}, want: 403},
		{name: "a form", kind: "text/plain", want: 415},
		{name: "no notes", body: `{"tags": "x"}`, want: 400},
		{name: "too much", body: `{"text": "` + strings.Repeat("x", 70_000) + `"}`, want: 400},
		{name: "no such run", run: "../run", want: 404},
	} {
		if c.run == "" {
			c.run = "run"
		}
		if c.body == "" {
			c.body = good
		}
		if c.from == "" {
			c.from = "127.0.0.1:5555"
		}
		if c.kind == "" {
			c.kind = "application/json"
		}
		c.headers = withType(c.headers, c.kind)
		if code, body := post(t, s, "/api/notes?run="+c.run, c.body, c.from, c.headers); code != c.want {
			t.Errorf("%s: want %d, got %d %s", c.name, c.want, code, body)
		}
	}
	entries, err := os.ReadDir(dir)
	check(t, err)
	if len(entries) != 1 {
		t.Errorf("something was written outside of the run: %v", entries)
	}
}

// TestOptions: only options in which runs differ, and on which results depend.
func TestOptions(t *testing.T) {
	dir := sweep(t)
	newRun(t, filepath.Join(dir, "e"), map[string]string{"nce_t": "0.1", "num_workers": "3", "print_freq": "7"})
	server := serve(t, dir)
	code, body := fetch(t, server.URL+"/api/options")
	var list []choice
	check(t, json.Unmarshal([]byte(body), &list))
	var names []string
	for _, o := range list {
		names = append(names, o.Name)
	}
	if code != http.StatusOK || strings.Join(names, " ") != "mixnorm mixnorm_target nce_t" {
		t.Errorf("got %d %q", code, names)
	}
	if o := list[2]; o.Title != "τ" || o.Values["b"] != "0.2" || len(o.Values) != 5 {
		t.Errorf("got %+v", o)
	}
}

// TestLogTab: the log grows on the page, earlier lines come on request, and a failure is
// marked and told at once.
func TestLogTab(t *testing.T) {
	dir := t.TempDir()
	f := newRun(t, filepath.Join(dir, "run"), nil)
	f.train(t, 20)
	path := filepath.Join(f.dir, rundir.LogFile)
	var text strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&text, "line %05d: some words of this step\n", i)
	}
	write(t, path, text.String())
	p := open(t, serve(t, dir), runHash("log", "run"), desktop)
	const log = `document.querySelector(".log pre").textContent`
	p.until(`document.querySelector(".log pre")?.textContent.endsWith("line 19999: some words of this step\n")`)
	if eval[bool](p, log+`.includes("line 00000")`) {
		t.Error("want the last lines alone of a long log")
	}
	first := eval[string](p, log+`.slice(0, 11)`)
	p.do(js(`document.querySelector(".log button").click()`))
	p.until(fmt.Sprintf(`!%s.startsWith(%q)`, log, first))
	lines := eval[[]string](p, log+`.trim().split("\n").map((l) => l.slice(5, 10))`)
	for i := 1; i < len(lines); i++ {
		if a, b := atoi(lines[i-1]), atoi(lines[i]); b != a+1 {
			t.Fatalf("line %d comes after line %d", b, a)
		}
	}
	f2, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	check(t, err)
	fmt.Fprintln(f2, "failed: the disk is <full>")
	check(t, f2.Close())
	p.within(4*time.Second, `document.querySelector(".log .failure")?.textContent === "failed: the disk is <full>\n"`)
	p.until(`document.querySelector(".chip").textContent === "failed" && document.querySelector("[data-rule=failed]").open`)
}

func atoi(text string) (n int) {
	fmt.Sscanf(text, "%d", &n)
	return n
}
