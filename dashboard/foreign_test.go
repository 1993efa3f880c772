package dashboard

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	tensorboard "contralens/events"
)

// foreignRuns copies the files of other programs that scores/foreign is tested with.
func foreignRuns(t testing.TB, dir string) {
	t.Helper()
	for _, name := range []string{"pytorch", "tensorflow", "lightning", "mae"} {
		check(t, os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join("..", "scores", "foreign", "testdata", name))))
	}
}

// TestForeign: directories with metrics of other programs are runs, with their curves,
// histograms and options. Files that are only named like metrics make none, and neither do
// the event files of our own runs.
func TestForeign(t *testing.T) {
	dir := t.TempDir()
	foreignRuns(t, dir)
	newRun(t, filepath.Join(dir, "ours"), nil).train(t, 20)
	for _, name := range []string{"tb/ours", "tb/theirs", "ours"} {
		w, err := tensorboard.NewWriter(filepath.Join(dir, name), 1)
		check(t, err)
		check(t, w.Scalar("acc_step", 3, 0.5))
		check(t, w.Close())
	}
	write(t, filepath.Join(dir, "notes", "log.txt"), "started\n")
	write(t, filepath.Join(dir, "data", "results.csv"), "name,class\nimg,cat\n")
	s, err := New(Options{Dir: dir})
	check(t, err)
	defer s.Close()

	got := map[string]Summary{}
	for _, r := range s.overview().Runs {
		got[r.ID] = r
	}
	for id, want := range map[string]string{
		"pytorch": "39 2.439 0", "tensorflow": "19 1.05 0", "lightning": "39 6.125 1", "mae": "1 0.75 1", "tb/theirs": "3 none 0",
	} {
		loss := "none"
		if r := got[id]; r.Loss != nil {
			loss = fmt.Sprintf("%.4g", *r.Loss)
		}
		if r := got[id]; fmt.Sprint(r.Step, " ", loss, " ", r.Epoch) != want || len(r.Notes) > 0 || r.State != Running {
			t.Errorf("%s: want step, loss and epoch %s, got %+v", id, want, r)
		}
		delete(got, id)
	}
	if delete(got, "ours"); len(got) > 0 {
		t.Errorf("these are no runs: %v", got)
	}
	describe := func(id string) description {
		d, err := s.describeRun(map[string][]string{"run": {id}})
		check(t, err)
		return d.(description)
	}
	if d := describe("lightning"); d.Config["optimizer.lr"] != "0.06" || d.Environment[0] != (named{"Read from", "metrics.csv (CSV)"}) || d.Last != 39 || d.First != 9 {
		t.Errorf("got %+v", d)
	}
	if d := describe("pytorch"); !slices.Equal(d.Kinds, []string{"scores/pos"}) || d.First != 0 || !slices.Contains(d.Series, series{"val/knn; top-1", "val/knn, top-1", "val/knn, top-1"}) {
		t.Errorf("got %+v", d)
	}
	if d := describe("ours"); slices.ContainsFunc(d.Series, func(s series) bool { return s.Name == "acc_step" }) {
		t.Errorf("our own events are shown twice: %v", d.Series)
	}
	answer, err := s.histogram(map[string][]string{"run": {"pytorch"}, "kind": {"scores/pos"}})
	check(t, err)
	if h := answer.(heat); len(h.Rows) != 4 || h.Rows[3].Step != 30 {
		t.Errorf("got %d rows", len(h.Rows))
	}
}

// TestForeignBeside: metrics of another program are added to a record, and to lines of
// metrics.jsonl that have more than ours. A damaged file has a note.
func TestForeignBeside(t *testing.T) {
	dir := t.TempDir()
	f := newRun(t, filepath.Join(dir, "mine"), nil)
	f.train(t, 20)
	check(t, os.Remove(filepath.Join(dir, "mine", "run.json")))
	f.append(t, "metrics.jsonl", map[string]any{"epoch": 1, "step": 20, "epoch_end": true, "loss_mean": 7.5, "margin": 0.5, "val": map[string]any{"acc": 12.5}})
	write(t, filepath.Join(dir, "mine", "progress.csv"), "step,reward\n10,1\n20,2\n")
	write(t, filepath.Join(dir, "broken", "events.out.tfevents.1"), strings.Repeat("x", 100))
	s, err := New(Options{Dir: dir})
	check(t, err)
	defer s.Close()
	answer, err := s.describeRun(map[string][]string{"run": {"mine"}})
	check(t, err)
	d := answer.(description)
	count := map[string]int{}
	for _, s := range d.Series {
		count[s.Name]++
	}
	for _, name := range []string{"loss", "pos_mean", "speed", "margin", "val/acc", "reward"} {
		if count[name] != 1 {
			t.Errorf("want %s once, got %d of it in %v", name, count[name], d.Series)
		}
	}
	for _, name := range []string{"acc", "img_s", "step", "loss_mean"} {
		if count[name] != 0 {
			t.Errorf("%s is shown beside what it means", name)
		}
	}
	answer, err = s.curves(map[string][]string{"run": {"mine"}, "names": {"margin,loss,reward"}})
	check(t, err)
	curves := answer.(map[string]any)["curves"].(map[string]curve)
	if !slices.Equal(curves["reward"].Mean, []float64{1, 2}) || !slices.Equal(curves["margin"].Step, []int{20}) || len(curves["loss"].Step) != 20 {
		t.Errorf("got %+v", curves)
	}
	for _, r := range s.overview().Runs {
		if r.ID == "broken" && (r.State != Unread || len(r.Notes) != 1 || !strings.HasPrefix(r.Notes[0], "events.out.tfevents.1: the record at byte 0 is damaged")) {
			t.Errorf("got %+v", r)
		}
	}
}

// TestForeignPage: a training that writes TensorBoard events is on the page while it runs,
// with curves, histograms and a comparison with a run of ours.
func TestForeignPage(t *testing.T) {
	dir := t.TempDir()
	foreignRuns(t, dir)
	newRun(t, filepath.Join(dir, "ours"), nil).train(t, 40)
	w, err := tensorboard.NewWriter(filepath.Join(dir, "live"), 1)
	check(t, err)
	defer w.Close()
	check(t, w.Scalar("train/loss", 1, 7))
	server := serve(t, dir)
	p := open(t, server, "#/", desktop)
	p.until(`document.querySelectorAll("table.runs tbody tr").length === 6`)
	p.shot("foreign-overview")

	p = open(t, server, runHash("curves", "live"), desktop)
	p.until(`document.querySelector("[data-fact=Step]")?.textContent === "1"`)
	for step := 2; step < 30; step++ {
		check(t, w.Scalar("train/loss", step, 7-float64(step)/10))
		check(t, w.Scalar("val/acc", step, float64(step)))
	}
	p.until(`document.querySelector("[data-fact=Step]").textContent === "29" && Boolean(document.querySelector("[data-chart='val/acc']"))`)

	p = open(t, server, runHash("histograms", "pytorch"), desktop)
	p.until(`Boolean(document.querySelector("[data-chart^='other'] svg image"))`)
	p.shot("foreign-histograms")
	p = open(t, server, runHash("settings", "lightning"), desktop)
	p.until(`document.body.textContent.includes("optimizer.milestones") && document.body.textContent.includes("metrics.csv (CSV)")`)
	p.shot("foreign-settings")
	for _, l := range []look{desktop, {width: 400, height: 800, phone: true}, {width: 1280, height: 860, dark: true}} {
		t.Run(fmt.Sprint(l.width, l.dark), func(t *testing.T) { // a tab that is open holds a connection
			p := open(t, server, runHash("curves", "ours", "pytorch", "lightning", "mae"), l)
			p.until(`Boolean(document.querySelector("[data-chart=loss] canvas")) && Boolean(document.querySelector("[data-chart='test/acc1']"))`)
			p.shot(fmt.Sprintf("foreign-curves-%d-%v", l.width, l.dark))
		})
	}
}
