package dashboard

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"contralens/internal/npy"
	"contralens/scores/record"
)

// TestDiscovery: finds our runs, those of the recorder for other programs, and
// directories with score files of the reference implementation.
func TestDiscovery(t *testing.T) {
	dir := t.TempDir()
	newRun(t, filepath.Join(dir, "ours"), nil).train(t, 100)
	newRun(t, filepath.Join(dir, "deep", "er", longName), nil).train(t, 20)
	check(t, record.Generate(filepath.Join(dir, "recorder", "scores", "record"), 50))
	check(t, record.Generate(filepath.Join(dir, "bare-record"), 50))
	scoreFiles(t, filepath.Join(dir, "pytorch", "scores"), 2)
	scoreFiles(t, filepath.Join(dir, "npy-only"), 3)
	write(t, filepath.Join(dir, "notes", "readme.txt"), "no run")
	write(t, filepath.Join(dir, ".hidden", "run.json"), "{}")
	s, err := New(Options{Dir: dir})
	check(t, err)
	defer s.Close()

	got := map[string]Summary{}
	for _, r := range s.overview().Runs {
		got[r.ID] = r
	}
	var ids []string
	for id := range got {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	want := []string{"bare-record", "deep/er/" + longName, "npy-only", "ours", "pytorch", "recorder"}
	if !slices.Equal(ids, want) {
		t.Fatalf("want the runs %q, got %q", want, ids)
	}
	if r := got["ours"]; r.Method != "MoCov2" || r.Dataset != "cifar10" || r.FT != "none" || r.Epoch != 1 || r.Epochs != 20 || r.Step != 100 || r.Loss == nil || r.Speed == nil || r.State != Running || len(r.Notes) != 0 {
		t.Errorf("ours: got %+v", r)
	}
	if r := got["recorder"]; r.Step != 50 || r.Loss == nil || r.Method != "" || !r.Scores {
		t.Errorf("recorder: got %+v", r)
	}
	if r := got["pytorch"]; r.Epoch != 2 || !r.Scores {
		t.Errorf("pytorch: got %+v", r)
	}
	for _, id := range []string{"pytorch", "npy-only"} {
		d, err := s.describeRun(map[string][]string{"run": {id}})
		check(t, err)
		if d := d.(description); d.Last != 4*map[string]int{"pytorch": 2, "npy-only": 3}[id] || len(d.Kinds) != 1 {
			t.Errorf("%s: got steps to %d, histograms %q", id, d.Last, d.Kinds)
		}
	}
	check(t, os.RemoveAll(filepath.Join(dir, "pytorch")))
	s.find()
	if n := len(s.overview().Runs); n != 5 {
		t.Errorf("want 5 runs after one was removed, got %d", n)
	}
}

// scoreFiles writes score_EEE.npy of the given number of epochs of 4 steps.
func scoreFiles(t testing.TB, dir string, epochs int) {
	t.Helper()
	check(t, os.MkdirAll(dir, 0o755))
	for e := range epochs {
		values := make([]float32, 4*8*5)
		for i := range values {
			values[i] = float32(i%5) / 10
		}
		check(t, npy.Write(filepath.Join(dir, fmt.Sprintf("score_%03d.npy", e+1)), values, 4, 8, 5))
	}
}

// TestDamaged: a run whose files are corrupt, incomplete, huge or not regular has a
// note that says so. The server still answers, and other runs are not affected.
func TestDamaged(t *testing.T) {
	dir := t.TempDir()
	newRun(t, filepath.Join(dir, "good"), nil).train(t, 100)
	in := func(name ...string) string { return filepath.Join(append([]string{dir}, name...)...) }
	header := `{"format": "contralens-scores", "version": 1, "first_step": 1, "fan": 8, "series": ["loss"], "histograms": [], "histogram_steps": 1}`

	write(t, in("corrupt-json", "run.json"), `{"config": {"method": [`)
	write(t, in("huge-json", "run.json"), "{}"+strings.Repeat(" ", 2<<20))
	write(t, in("corrupt-record", "scores", "record", "record.json"), `{"format": "something else"}`)
	write(t, in("half-written", "scores", "record", "record.json"), header)
	write(t, in("half-written", "scores", "record", "values.0"), "\x01\x00\x00\x00\x00\x00\x80\x3f\x02\x00")
	write(t, in("half-line", "metrics.jsonl"), `{"epoch":1,"step":10,"loss":7.5}`+"\n"+`{"epoch":1,"st`)
	write(t, in("bad-lines", "metrics.jsonl"), "nonsense\n"+`{"epoch":1,"step":10,"loss":7.5}`+"\n\x00\x01\xff\n[1,2]\n")
	for name, good := range map[string]string{
		"scores/vitals.jsonl": `{"step":1,"planned":9}`, "scores/spectrum.jsonl": `{"epoch":0}`, "results.jsonl": `{"protocol":"knn"}`, "system.jsonl": `{"step":1}`,
	} {
		write(t, in("bad-"+path.Base(name), name), good+"\n\n{\"step\": -3, \"epo\n"+good+"\n")
		write(t, in("bad-"+path.Base(name), "metrics.jsonl"), `{"epoch":1,"step":10,"loss":7.5}`+"\n")
	}
	write(t, in("other-values", "scores", "vitals.jsonl"), "{}\n{}\n")
	write(t, in("other-values", "metrics.jsonl"), `{"epoch":1,"step":10,"loss":7.5}`+"\n")
	check(t, os.MkdirAll(in("folder", "scores", "vitals.jsonl"), 0o755))
	check(t, os.MkdirAll(in("folder", "system.jsonl"), 0o755))
	write(t, in("folder", "scores", "spectrum.jsonl"), "[]\n")
	write(t, in("folder", "metrics.jsonl"), `{"epoch":1,"step":10,"loss":7.5}`+"\n")
	write(t, in("no-newlines", "metrics.jsonl"), strings.Repeat("x", 3<<20))
	write(t, in("corrupt-npy", "scores", "score_001.npy"), "\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (999999999999, 9, 5), }")
	scoreFiles(t, in("cut-npy", "scores"), 2)
	check(t, os.Truncate(in("cut-npy", "scores", "score_002.npy"), 300))
	sparse := func(name string, size int64, head string) {
		write(t, name, head)
		check(t, os.Truncate(name, size))
	}
	sparse(in("huge-npy", "scores", "score_001.npy"), 1<<40, string(npy.Encode(1<<30, 8, 5)))
	write(t, in("huge-record", "scores", "record", "record.json"), header)
	sparse(in("huge-record", "scores", "record", "values.0"), 1<<33, "")
	check(t, os.MkdirAll(in("pipe"), 0o755))
	check(t, syscall.Mkfifo(in("pipe", "run.json"), 0o644))
	check(t, syscall.Mkfifo(in("pipe", "metrics.jsonl"), 0o644))
	write(t, in("nan", "scores", "record", "record.json"), header)
	write(t, in("nan", "scores", "record", "values.0"), string(binary.LittleEndian.AppendUint32([]byte{1, 0, 0, 0}, math.Float32bits(float32(math.NaN())))))

	server := serve(t, dir)
	begin := time.Now()
	for id, want := range map[string]string{
		"corrupt-json": "run.json: want JSON", "huge-json": "want at most 1048576 bytes", "corrupt-record": `want format \"contralens-scores\"`, "half-written": `"last":1,`, "half-line": `"last":10,`,
		"bad-lines": "3 lines are not JSON", "no-newlines": "lines are not JSON",
		"bad-vitals.jsonl": "vitals.jsonl: line 3 is not a JSON object", "bad-spectrum.jsonl": "spectrum.jsonl: line 3 is not", "bad-results.jsonl": "results.jsonl: line 3 is not",
		"bad-system.jsonl": "system.jsonl: line 3 is not", "other-values": "vitals.jsonl: 2 lines are not JSON objects with what this file has, the first is line 1", "folder": "vitals.jsonl: want a file",
		"corrupt-npy": "score_001.npy: ", "cut-npy": "it is truncated", "huge-npy": "want at most 1024 MB",
		"huge-record": `"scores":true`, "pipe": "want a file", "nan": `"last":1`, "good": `"last":100`,
	} {
		for _, target := range []string{"/api/run?run=" + id, "/api/curves?names=loss,pos_mean&run=" + id, "/api/histogram?kind=pos&run=" + id, "/api/embedding?run=" + id} {
			code, body := fetch(t, server.URL+target)
			if strings.Contains(body, "goroutine ") || strings.Contains(body, "panic") || body == "" {
				t.Errorf("%s: got %d %.300s", target, code, body)
			}
			if strings.HasPrefix(target, "/api/run?") && (code != 200 || !strings.Contains(body, want)) {
				t.Errorf("%s: want %q, got %d %.700s", target, want, code, body)
			}
		}
	}
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("damaged runs took %v to answer", took)
	}
	open(t, server, runHash("curves", "bad-vitals.jsonl"), desktop).until(`document.querySelector(".notes")?.innerText.includes("vitals.jsonl: line 3")`)
	code, body := fetch(t, server.URL+"/api/runs")
	if code != 200 || strings.Count(body, `"id":`) != 20 || !strings.Contains(body, `"id":"good","name":"good","state":"running"`) {
		t.Errorf("the overview: got %d %.2000s", code, body)
	}
}

func fetch(t testing.TB, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	check(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	check(t, err)
	return res.StatusCode, string(b)
}
