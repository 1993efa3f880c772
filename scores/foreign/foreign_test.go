package foreign

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"contralens/events"
	"contralens/scores/record"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func refresh(t testing.TB, s *Source) {
	t.Helper()
	check(t, errors.Join(s.Refresh()...))
}

func opened(t testing.TB, folder fs.FS) *Source {
	t.Helper()
	s := Open(folder)
	if s == nil {
		t.Fatal("want metrics, found none")
	}
	refresh(t, s)
	return s
}

// points returns a series in full, as "step:value".
func points(t testing.TB, s *Source, name string) string {
	t.Helper()
	bins, err := s.Curve(name, 0, maxStep, maxBins)
	check(t, err)
	var list []string
	for _, b := range bins {
		list = append(list, fmt.Sprintf("%d:%.4g", b.Step, b.Mean))
	}
	return strings.Join(list, " ")
}

func named(s *Source) (names []string) {
	for _, d := range s.Series() {
		names = append(names, d.Name+"="+d.Axis)
	}
	return names
}

// TestPrograms reads files of the programs that people use. testdata/make.py wrote the
// event files, with PyTorch's SummaryWriter and the protocol buffers of TensorBoard.
func TestPrograms(t *testing.T) {
	for _, c := range []struct {
		dir, series, kinds, files string
		points                    map[string]string // of some series, the beginning
	}{
		{
			"pytorch", "loss=train/loss lr=lr val/knn; top-1=val/knn, top-1", "scores/pos",
			"events.out.tfevents.1700000000.host (TensorBoard)",
			map[string]string{"loss": "0:8 1:7.76 2:7.527", "lr": "0:0.03 1:0.02925", "val/knn; top-1": "0:40 10:45 20:50 30:55"},
		},
		{
			"tensorflow", "loss=epoch_loss", "kernel", "events.out.tfevents.1700000000.host (TensorBoard)",
			map[string]string{"loss": "0:2 1:1.95"},
		},
		{
			"lightning", "loss=train_loss_step lr=lr-SGD epoch=epoch val_acc=val_acc val_loss=val_loss train_loss_epoch=train_loss_epoch",
			"", "metrics.csv (CSV)",
			map[string]string{
				"loss": "9:7.25 19:6.5 29:6.125", "val_acc": "19:0.21 39:0.34", "lr": "9:0.06 19:0.059 29:0.057",
				"epoch": "9:0 19:0 29:1 39:1", "train_loss_epoch": "19:6.875 39:6",
			},
		},
		{
			"mae", "loss=train_loss lr=train_lr epoch=epoch test/acc1=test/acc1 n_parameters=n_parameters test/acc5=test/acc5", "",
			"log.txt (JSON lines, steps are epochs)",
			map[string]string{"loss": "0:1 1:0.75", "test/acc1": "0:12.5 1:25", "test/acc5": "1:50"},
		},
	} {
		t.Run(c.dir, func(t *testing.T) {
			s := opened(t, os.DirFS(filepath.Join("testdata", c.dir)))
			if got := strings.Join(named(s), " "); got != c.series {
				t.Errorf("want the series %s, got %s", c.series, got)
			}
			if got := strings.Join(s.Kinds(), " "); got != c.kinds {
				t.Errorf("want the histograms %q, got %q", c.kinds, got)
			}
			if got := strings.Join(s.Files(), ", "); got != c.files {
				t.Errorf("want %s, got %s", c.files, got)
			}
			for name, want := range c.points {
				if got := points(t, s, name); !strings.HasPrefix(got, want) {
					t.Errorf("%s: want %s, got %s", name, want, got)
				}
			}
		})
	}
}

// TestHistograms: TensorBoard's buckets are spread over equal bins, and no value is lost.
func TestHistograms(t *testing.T) {
	s := opened(t, os.DirFS("testdata/tensorflow"))
	heat, err := s.Histograms("kernel", 0, 100, 80)
	check(t, err)
	if len(heat.Rows) != 2 || heat.Rows[1].Step != 10 || heat.Edges[0] != -1 || heat.Edges[len(heat.Edges)-1] != 1 {
		t.Fatalf("got %d rows from %v to %v", len(heat.Rows), heat.Edges[0], heat.Edges[len(heat.Edges)-1])
	}
	below, all := 0.0, 0.0
	for i, n := range heat.Rows[0].Counts {
		all += n
		if heat.Edges[i+1] <= 0 {
			below += n
		}
	}
	if math.Abs(below-30) > 1e-3 || math.Abs(all-100) > 1e-3 {
		t.Errorf("want 30 of 100 values below 0, got %v of %v", below, all)
	}
	one, err := s.Histograms("kernel", 0, 100, 1)
	check(t, err)
	if len(one.Rows) != 1 || one.Rows[0].N != 2 {
		t.Errorf("want one row of two histograms, got %+v", one.Rows)
	}

	s = opened(t, os.DirFS("testdata/pytorch"))
	heat, err = s.Histograms("scores/pos", 0, 100, 80)
	check(t, err)
	for i, r := range heat.Rows { // the mean rises by 0.1 every ten steps from 0.3
		sum, total := 0.0, 0.0
		for j, n := range r.Counts {
			sum, total = sum+n*(heat.Edges[j]+heat.Edges[j+1])/2, total+n
		}
		if want := 0.3 + 0.1*float64(i); math.Abs(sum/total-want) > 0.02 || r.Step != 10*i {
			t.Errorf("step %d: want the mean %.2f, got %.3f", r.Step, want, sum/total)
		}
	}
	if _, err := s.Histograms("none", 0, 1, 1); err == nil {
		t.Error("want an error for a histogram that is not there")
	}
}

// TestLive: a file may be read at any moment of its writing.
func TestLive(t *testing.T) {
	for _, name := range []string{
		"pytorch/events.out.tfevents.1700000000.host", "tensorflow/events.out.tfevents.1700000000.host",
		"lightning/metrics.csv", "mae/log.txt",
	} {
		whole, err := os.ReadFile(filepath.Join("testdata", name))
		check(t, err)
		want := opened(t, os.DirFS(filepath.Join("testdata", filepath.Dir(name))))
		dir := t.TempDir()
		path := filepath.Join(dir, filepath.Base(name))
		var s *Source
		for n := 0; n <= len(whole); n += 37 {
			check(t, os.WriteFile(path, whole[:n], 0o644))
			if s == nil {
				if s = Open(os.DirFS(dir)); s == nil {
					continue
				}
			}
			if err := errors.Join(s.Refresh()...); err != nil {
				t.Fatalf("%s: %d bytes: %v", name, n, err)
			}
		}
		check(t, os.WriteFile(path, whole, 0o644))
		refresh(t, s)
		if !slices.Equal(named(s), named(want)) {
			t.Fatalf("%s: want %v, got %v", name, named(want), named(s))
		}
		for _, d := range want.Series() {
			if a, b := points(t, s, d.Name), points(t, want, d.Name); a != b {
				t.Errorf("%s: %s: want %s, got %s", name, d.Name, b, a)
			}
		}
	}
}

// TestResumed: a resumed training writes a second event file, whose steps replace those
// of the first one.
func TestResumed(t *testing.T) {
	for _, session := range []bool{false, true} {
		dir := t.TempDir()
		for i, from := range []int{1, 4} {
			sub := t.TempDir()
			w, err := events.NewWriter(sub, from)
			check(t, err)
			for step := from; step < from+5; step++ {
				check(t, w.Scalar("loss", step, float64(10*i+step)))
			}
			check(t, w.Close())
			made, err := filepath.Glob(filepath.Join(sub, "*"))
			check(t, err)
			b, err := os.ReadFile(made[0])
			check(t, err)
			if !session { // PyTorch writes no start of a session
				at := 16 + int(b[0])
				b = append(slices.Clone(b[:at]), b[at+16+int(b[at]):]...)
			}
			check(t, os.WriteFile(filepath.Join(dir, fmt.Sprint("events.out.tfevents.", i)), b, 0o644))
		}
		s := opened(t, os.DirFS(dir))
		if got, want := points(t, s, "loss"), "1:1 2:2 3:3 4:14 5:15 6:16 7:17 8:18"; got != want {
			t.Errorf("session %v: want %s, got %s", session, want, got)
		}
		if v, ok := s.Last("loss"); v != 18 || !ok {
			t.Errorf("want the last value 18, got %v", v)
		}
		if first, last := s.Range(); first != 1 || last != 8 {
			t.Errorf("want steps 1 to 8, got %d to %d", first, last)
		}
	}
}

// TestRewritten: Lightning writes a table again when a column is added.
func TestRewritten(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "metrics.csv")
	check(t, os.WriteFile(path, []byte("step,loss\n1,5\n2,4\n"), 0o644))
	s := opened(t, os.DirFS(dir))
	check(t, os.WriteFile(path, []byte("step,loss,acc\n1,5,\n2,4,\n3,3,0.5\n"), 0o644))
	refresh(t, s)
	if got := points(t, s, "loss") + ", " + points(t, s, "acc"); got != "1:5 2:4 3:3, 3:0.5" {
		t.Errorf("got %s", got)
	}
	check(t, os.WriteFile(path, []byte("step,loss\n1,9\n"), 0o644)) // another training
	refresh(t, s)
	if got := points(t, s, "loss"); got != "1:9" || len(s.Series()) != 1 {
		t.Errorf("got %s of %v", got, named(s))
	}
}

// TestTables: other separators, marks, quotes and counters.
func TestTables(t *testing.T) {
	for text, want := range map[string]string{
		"\ufeffstep;loss\r\n1;2.5\r\n3;2\r\n":           "1:2.5 3:2",
		"\"loss\"\tstep\n\t1\n2\t7\n":                   "7:2",
		"epoch,train loss,name\n0,3,a\n1,2,b\n":         "0:3 1:2",
		"loss,accuracy\n3,1\n2,2\n":                     "1:3 2:2",
		"global_step,loss\n5,1\n,2\n6,1,7\n-4,3\nx,y\n": "5:1.5",
	} {
		s := Open(fstest.MapFS{"metrics.csv": {Data: []byte(text)}})
		if s == nil {
			t.Errorf("%q: not taken as a table", text)
			continue
		}
		err := errors.Join(s.Refresh()...)
		if strings.Contains(text, "6,1,7") != (err != nil && strings.Contains(err.Error(), "metrics.csv: a line is not a row of the table")) {
			t.Errorf("%q: got %v", text, err)
		}
		if got := points(t, s, "loss"); got != want {
			t.Errorf("%q: want %s, got %s", text, want, got)
		}
	}
}

// TestNotMetrics: files that are named like metrics but are none make no run.
func TestNotMetrics(t *testing.T) {
	for name, text := range map[string]string{
		"log.txt": "2026-11-28 started\nloss 3\n", "metrics.json": "{\n \"loss\": 3\n}\n", "log.jsonl": "[1,2]\n",
		"metrics.jsonl": "{\"a\": \"b\"}\n", "results.csv": "name,value\nloss,high\n", "log.csv": "1,2\n3,4\n", "history.csv": "step\n1\n",
		"progress.csv": "step,loss",
	} {
		if s := Open(fstest.MapFS{name: {Data: []byte(text)}}); s != nil {
			t.Errorf("%s %q is taken as metrics", name, text)
		}
	}
	dir := fstest.MapFS{"events.out.tfevents.1": {Mode: fs.ModeDir}, "metrics.csv": {Mode: fs.ModeNamedPipe}}
	if s := Open(dir); s != nil {
		t.Error("a folder and a pipe are taken as metrics")
	}
}

// TestDamaged: a record that does not fit its checksum ends its file, with a sentence;
// what comes before it and other files are shown.
func TestDamaged(t *testing.T) {
	b, err := os.ReadFile("testdata/pytorch/events.out.tfevents.1700000000.host")
	check(t, err)
	for what, change := range map[string]func([]byte){
		"its content does not fit": func(b []byte) { b[2000] ^= 1 }, "its length does not fit": func(b []byte) { clear(b[2000:]) },
	} {
		broken := slices.Clone(b)
		change(broken)
		if what == "its length does not fit" { // the start of a record
			at := 0
			for at < 2000 {
				at += 16 + int(b[at]) + int(b[at+1])<<8
			}
			broken = append(slices.Clone(b[:at]), make([]byte, 500)...)
		}
		s := Open(fstest.MapFS{"events.out.tfevents.1": {Data: broken}, "metrics.csv": {Data: []byte("step,acc\n1,2\n")}})
		for range 2 {
			err = errors.Join(s.Refresh()...)
			if err == nil || !strings.Contains(err.Error(), "events.out.tfevents.1: the record at byte ") || !strings.Contains(err.Error(), what) {
				t.Fatalf("%s: got %v", what, err)
			}
		}
		if got := points(t, s, "loss"); !strings.HasPrefix(got, "0:8 1:7.76 ") || points(t, s, "acc") != "1:2" {
			t.Errorf("%s: got %s", what, got)
		}
	}
}

// TestLong: a long series keeps its peak in bounded memory.
func TestLong(t *testing.T) {
	s := &Source{folder: fstest.MapFS{}}
	s.reset()
	const n = 1_000_000
	for i := range n {
		value := math.Sin(float64(i) / 1e5)
		if i == 567_890 {
			value = 50
		}
		s.add("loss", int64(i), value)
	}
	s.add("loss", n/2, 0) // late
	if c := s.series["loss"]; len(c.bins) >= maxBins || cap(c.bins) > 2*maxBins {
		t.Errorf("want fewer than %d bins, got %d of %d", maxBins, len(c.bins), cap(c.bins))
	}
	bins, err := s.Curve("loss", 0, n, 400)
	check(t, err)
	total, top := 0, slices.MaxFunc(bins, func(a, b record.Bin) int { return int(a.Max - b.Max) })
	for i, b := range bins {
		total += b.N
		if i > 0 && b.Step <= bins[i-1].Step {
			t.Fatalf("bin %d starts at %d, after %d", i, b.Step, bins[i-1].Step)
		}
	}
	if total != n+1 || len(bins) > 400 || top.Max != 50 || top.Step > 567_890 || top.Step < 560_000 {
		t.Errorf("got %d bins of %d points, the highest %+v", len(bins), total, top)
	}
	for i := range 2 * maxSeries {
		s.add(fmt.Sprint("weight/", i), 1, 1)
	}
	if err := errors.Join(s.Refresh()...); err == nil || !strings.Contains(err.Error(), "more than 512 series") {
		t.Errorf("too many series: %v", err)
	}
}

// TestNotJSON: numbers of Python that JSON lacks are left out, and texts stay as they are.
func TestNotJSON(t *testing.T) {
	for line, want := range map[string]string{
		`{"a": NaN, "b": 1}`:                            "[{b 1}]",
		`{"a": -Infinity, "b": 1, "c": Infinity}`:       "[{b 1}]",
		`{"NaN": 1, "-Infinity": 2, "a\"NaN": 3}`:       `[{NaN 1} {-Infinity 2} {a"NaN 3}]`,
		`{"a": {"loss": Infinity, "acc": 2}, "b": NaN}`: "[{a/acc 2}]",
	} {
		if got, ok := parse([]byte(line)); !ok || fmt.Sprint(got) != want {
			t.Errorf("%s: want %s, got %v", line, want, got)
		}
	}
}

func TestOptions(t *testing.T) {
	got, name, err := Options(os.DirFS("testdata/lightning"))
	check(t, err)
	want := map[string]string{"arch": "resnet18", "optimizer.lr": "0.06", "optimizer.milestones": "120, 160", "temperature": "0.2"}
	if !maps.Equal(got, want) || name != "hparams.yaml" {
		t.Errorf("want %v, got %v of %s", want, got, name)
	}
	if got, _, err := Options(fstest.MapFS{}); got != nil || err != nil {
		t.Errorf("no file: got %v, %v", got, err)
	}
	for _, text := range []string{"a: [", strings.Repeat(" ", maxOptions+1)} {
		if _, _, err := Options(fstest.MapFS{"config.yaml": {Data: []byte(text)}}); err == nil || !strings.Contains(err.Error(), "config.yaml: want ") {
			t.Errorf("%.10q: got %v", text, err)
		}
	}
}
