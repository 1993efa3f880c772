package dashboard

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/study"
	"contralens/study/jobs"
)

// aStudy makes the folder of a study of two arms, tuned, with three seeds, of which some cells are
// done, and a run for one of them. It returns the study with the outcomes.
func aStudy(t testing.TB, dir string) (*study.Study, map[string]jobs.Outcome) {
	t.Helper()
	s, err := study.Parse("s.yaml", []byte(`title: Does it help?
options: {method: MoCov2}
arms: {plain: {}, "ft <b>": {ft: posneg}, neg: {ft: neg}}
seeds: 3
tuning: {options: {learning_rate: [0.1, 0.2]}}
evaluations: {knn: {}, fewshot: {labels: [1]}}
`))
	check(t, err)
	done := map[string]jobs.Outcome{}
	for range 2 {
		for i, c := range s.Cells(done) {
			if c.Seed == 3 {
				continue
			}
			v := 50 + 2*float64(c.Arm) + float64(int(c.Seed)*(c.Arm+1)%5) + 0.1*float64(i%3)
			done[c.Name] = jobs.Outcome{Scores: map[string]float64{"knn": v, "few-shot-1": v / 2}, Seconds: 100, Images: 10}
			if s.Arms[c.Arm].Name == "neg" && c.Seed == 2 {
				delete(done[c.Name].Scores, "few-shot-1") // an evaluation that it lacks
			}
		}
	}
	check(t, os.MkdirAll(dir, 0o755))
	check(t, s.Report(dir, done).Write(dir))
	newRun(t, filepath.Join(dir, study.RunsDir, "plain_seed-1"), nil).train(t, 20)
	return s, done
}

// TestStudyPage: the overview leads to a study; its page has differences, tables and command lines,
// leads to the runs, and follows what is done.
func TestStudyPage(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "studies", "it")
	s, done := aStudy(t, folder)
	p := open(t, serve(t, dir), "", desktop)
	p.until(`document.querySelector("[data-study='studies/it']")`)
	if text := eval[string](p, `document.querySelector(".studies").textContent`); text != "Does it help?study, 12 of 15 trainings done" {
		t.Errorf("the overview says %q", text)
	}
	p.do(js(`document.querySelector("[data-study]").click()`))
	p.until(`document.querySelector("[data-measure=knn] svg")`)
	for expression, want := range map[string]string{
		`document.querySelector("h1").textContent`:                                    "Does it help?",
		`document.querySelector(".study .lead").textContent`:                          "12 of 15 trainings done",
		`document.querySelector("[data-measure='few-shot-1'] h2").textContent`:        "1 label per class",
		`document.querySelector("[data-measure=knn] svg").getAttribute("aria-label")`: "ft <b> ",
		`document.querySelector("[data-arm=plain]").textContent`:                      "baseline",
		`document.querySelector("[data-arm=neg]").textContent`:                        "neg2learning_rate 0.",
		`document.querySelector("[data-arm=neg] td:last-child").textContent`:          " (1 pair)",
		`document.querySelector(".sentences").textContent`:                            "Student's t over seeds, on the same test images; differences are paired by seed",
		`document.querySelector(".study pre").textContent`:                            "contralens contrast",
		`document.querySelector("[data-cell=plain_seed-1] a").getAttribute("href")`:   "run=studies%2Fit%2Fruns%2Fplain_seed-1",
	} {
		if got := eval[string](p, expression); !strings.Contains(got, want) {
			t.Errorf("%s is %q, want %q in it", expression, got, want)
		}
	}
	// Numbers are rounded as in study.md, ties to even.
	p.do(js(`import("./study.js").then((m) => { window.fixed = m.fixed; })`))
	p.until("window.fixed")
	for _, v := range []float64{0, 0.004, -0.004, 12.125, 12.375, -0.125, 0.875, 1.005, 2.675, 52.345, 1e6 + 0.5} {
		want := fmt.Sprintf("%.2f", v)
		if got := eval[string](p, fmt.Sprintf("window.fixed(%v, 2)", v)); got != want {
			t.Errorf("%v: the page has %s, study.md %s", v, got, want)
		}
	}
	p.shot("study")
	done["plain_seed-3"] = jobs.Outcome{Error: "no luck"}
	check(t, s.Report(folder, done).Write(folder))
	p.until(`document.querySelector(".study .lead").textContent === "13 of 15 trainings done"`)
	p.until(`document.querySelector("[data-cell=plain_seed-3]").textContent.includes("no luck")`)
	p.do(js(`document.querySelector("[data-cell=plain_seed-1] a").click()`))
	p.until(`document.querySelector("[data-fact=Step]")`)
	p.do(js(`history.back()`))
	p.until(`document.querySelector(".study h1")`)
	p.do(js(`document.querySelector(".brand").click()`))
	p.until(`document.querySelector("[data-study]")`)
}

// On a phone in the dark, the page of a study does not scroll sideways.
func TestStudyOnPhone(t *testing.T) {
	dir := t.TempDir()
	aStudy(t, filepath.Join(dir, "it"))
	p := open(t, serve(t, dir), "#/study?study=it", look{width: 390, height: 844, phone: true, dark: true})
	p.until(`document.querySelector("[data-measure=knn] svg")`)
	if wide := eval[float64](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); wide > 0 {
		t.Errorf("the page is %v pixels too wide", wide)
	}
	p.shot("study-phone")
}

// A study that cannot be read is left out, and its page says why; others are there.
func TestUnreadableStudy(t *testing.T) {
	dir := t.TempDir()
	aStudy(t, filepath.Join(dir, "good"))
	write(t, filepath.Join(dir, "bad", study.ReportFile), "[1, 2")
	check(t, os.MkdirAll(filepath.Join(dir, "folder", study.ReportFile), 0o755))
	server := serve(t, dir)
	var o overview
	check(t, json.Unmarshal([]byte(textAt(t, server.URL+"/api/runs")), &o))
	if len(o.Studies) != 1 || o.Studies[0].ID != "good" || o.Studies[0].Done != 12 {
		t.Errorf("studies %+v", o.Studies)
	}
	for id, want := range map[string]string{"bad": "want the report of a study", "none": "there is no study", "../x": "there is no study"} {
		if text := textAt(t, server.URL+"/api/study?study="+id); !strings.Contains(text, want) {
			t.Errorf("%s: %s", id, text)
		}
	}
	if text := textAt(t, fmt.Sprint(server.URL, "/api/study?study=good")); !strings.Contains(text, `"title":"Does it help?"`) {
		t.Errorf("got %.200s", text)
	}
}

// textAt returns the text at an address.
func textAt(t testing.TB, address string) string {
	t.Helper()
	_, text := fetch(t, address)
	return text
}
