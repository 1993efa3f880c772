package dashboard

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/features/spectrum"
	"contralens/rundir"
)

// The slowest process is compared with the median, and named if the training named it.
func TestSlowestProcess(t *testing.T) {
	for _, tc := range []struct {
		wait, compute []float64
		want          float64 // -1: not shown
	}{
		{[]float64{0.1, 0.1}, []float64{0.9, 1.4}, 50},
		{[]float64{0, 0.5, 0}, []float64{1, 1, 1}, 50},
		{[]float64{0.1}, []float64{1}, -1},
		{nil, nil, -1},
		{[]float64{0, 0}, []float64{0, 0}, -1},
		{[]float64{0, 0}, []float64{1}, -1},
	} {
		got := slowest(rundir.Metrics{RankWait: tc.wait, RankCompute: tc.compute})
		if (got != nil) != (tc.want >= 0) || got != nil && (*got < tc.want-1e-9 || *got > tc.want+1e-9) {
			t.Errorf("waits %v, computes %v: %v, want %v", tc.wait, tc.compute, got, tc.want)
		}
	}
	said := "rank 3 (node2) waits for images 0.31 s a step, where others take 0.02 s: all wait for it"
	var m metrics
	m.series = map[string][]point{}
	m.addMetrics(rundir.Metrics{Step: new(40.0), Event: rundir.EventSlow, Message: said})
	found := Diagnose(Evidence{Step: 40, Slow: m.slow})
	if len(found) != 1 || found[0].Rule != "slow_rank" || found[0].Evidence[0] != said {
		t.Errorf("found %+v, want the process that all wait for", found)
	}
}

// The processes of the last lines are described; a restart with another number begins anew.
func TestProcesses(t *testing.T) {
	var m metrics
	m.series = map[string][]point{}
	line := func(wait, compute []float64) {
		m.addMetrics(rundir.Metrics{Step: new(10.0), RankWait: wait, RankCompute: compute})
	}
	if line(nil, nil); m.processes() != "" {
		t.Errorf("one process: %q", m.processes())
	}
	line([]float64{9, 9, 9, 9}, []float64{1, 1, 1, 1})
	for range rankLines + 3 {
		line([]float64{0.1, 0, 0}, []float64{0.9, 1, 1.5})
	}
	want := "3; in the last 10 lines, rank 2 was the slowest, 50 % above the median, and rank 0 waited longest for images, 10.0 % of its time"
	if got := m.processes(); got != want || len(m.ranks) != rankLines {
		t.Errorf("%q of %d lines, want %q", got, len(m.ranks), want)
	}
}

// The failures after which a run went on are listed, the last ones if there are many.
func TestFailures(t *testing.T) {
	resumes := []rundir.Session{{}, {After: "rank 1 is gone"}}
	if got := failures(resumes); got != "session 3, after rank 1 is gone" {
		t.Errorf("got %q", got)
	}
	for range 6 {
		resumes = append(resumes, rundir.Session{After: "lost"})
	}
	if got := failures(resumes); !strings.HasPrefix(got, "2 failures before; session 5, after lost; ") || strings.Count(got, "; ") != 5 {
		t.Errorf("got %q", got)
	}
}

// TestWorldOnThePage: a run of two processes that was resumed shows who is slow, who failed and when it restarted, and every
// chart of it has data of its own.
func TestWorldOnThePage(t *testing.T) {
	dir := t.TempDir()
	f := newRun(t, filepath.Join(dir, "world"), nil)
	path := filepath.Join(f.dir, rundir.RecordFile)
	b, err := os.ReadFile(path)
	check(t, err)
	write(t, path, strings.Replace(string(b), "{", `{"resumes": [{"command": ["contralens", "contrast", "--resume", "auto"], "start": "2026-11-25T08:03:00Z",
		"after": "rank 1 (pid 4711 on node1) is gone since step 40: its connection broke"}],`, 1))
	f.train(t, 100)
	line := map[string]any{"epoch": 1, "step": 100, "loss": 2, "rank_wait_s": []float64{0, 0.1}, "rank_compute_s": []float64{1, 0.9}}
	f.append(t, rundir.MetricsFile, line)
	space := &spectrum.Space{
		Dim: 64, Singular: []float32{4, 2, 1, 0.5},
		Values: map[string]float64{spectrum.AlignmentName: 0.5, spectrum.UniformityName: -2, spectrum.RankMeName: 3},
	}
	for epoch := range 2 {
		check(t, spectrum.Append(f.dir, spectrum.Line{Epoch: epoch, Step: 100 * epoch, Images: 128, Head: space, Backbone: space}))
	}
	p := open(t, serve(t, dir), runHash("curves", "world"), desktop)
	p.until(drawn)
	if twice := eval[string](p, `(() => { const ids = [...document.querySelectorAll("[data-chart]")].map((e) => e.dataset.chart);
		return ids.filter((id, k) => ids.indexOf(id) !== k || !document.querySelector("[data-chart='" + id + "'] canvas")).join(); })()`); twice != "" {
		t.Errorf("charts without data or of the same name: %s", twice)
	}
	for id, want := range map[string]string{"slowest": "System and schedule", "probe_alignment": "Spectrum: what features use, after epochs", "alignment": "Features"} {
		if got := eval[string](p, `document.querySelector("[data-chart=`+id+`]").closest("section").querySelector("h2").textContent`); got != want {
			t.Errorf("%s is under %q, want %q", id, got, want)
		}
	}
	if got := eval[string](p, `[...document.querySelectorAll("[data-chart=head_singular] .key li")].map((e) => e.textContent).join()`); got != "no. 2,no. 4" {
		t.Errorf("the lines of the singular values are named %q", got)
	}
	if got := eval[string](p, `document.querySelector("[data-chart=head_singular] .unit").textContent`); strings.Contains(got, "quantiles") {
		t.Errorf("the singular values are called quantiles: %s", got)
	}
	p.do(js(`location.hash = location.hash.replace("tab=curves", "tab=settings")`))
	p.until(`document.querySelector(".environment")?.innerText.includes("rank 1 waited longest for images")`)
	if got := eval[string](p, `[...document.querySelectorAll(".environment > div")].find((e) => e.textContent.startsWith("Resumed"))?.textContent`); !strings.Contains(got, "2026") {
		t.Errorf("the page says %q of the restart", got)
	}
	if got := eval[string](p, `document.querySelector("[data-fact='Resumed after']").textContent`); !strings.HasPrefix(got, "session 2, after rank 1 (pid 4711") {
		t.Errorf("the page says %q of the failure", got)
	}
	p.do(js(`window.kept = document.querySelector("[data-fact=Command]")`))
	line["step"], line["rank_wait_s"] = 110, []float64{5, 0.1}
	f.append(t, rundir.MetricsFile, line)
	p.until(`document.querySelector("[data-fact=Processes]").textContent.includes("rank 0 was the slowest") && document.body.contains(window.kept)`)
}
