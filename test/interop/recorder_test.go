package interop

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contralens/dashboard"
	"contralens/scores"
)

// TestRecorder: a plain MoCo in PyTorch that calls docs/recorder.py. The scores are those
// of PyTorch, the page has the options, curves, histograms and k-NN accuracies, and a
// restart keeps what is there.
func TestRecorder(t *testing.T) {
	if exec.Command(python, "-c", "import torch, numpy; torch.__version__").Run() != nil {
		t.Log("not tested: python3-torch is not on this machine")
		return
	}
	runs := t.TempDir()
	dir := filepath.Join(runs, "mine")
	moco := func(args ...string) (string, error) {
		c := exec.Command(python, append([]string{"moco.py", dir}, args...)...)
		c.Env = append(os.Environ(), "PYTHONPATH=../../docs", "PYTHONDONTWRITEBYTECODE=1")
		out, err := c.CombinedOutput()
		return string(out), err
	}
	check := func(out string, err error, first, steps int) {
		t.Helper()
		var seen [][6]float64
		if err == nil {
			err = json.Unmarshal([]byte(out), &seen)
		}
		if err != nil || len(seen) == 0 || int(seen[0][0]) != first {
			t.Fatalf("want steps from %d, got %v\n%s", first, err, out)
		}
		source, err := scores.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if begin, end := source.Range(); begin != 1 || end != steps {
			t.Fatalf("want steps 1 to %d, got %d to %d", steps, begin, end)
		}
		curves, err := source.Curves([]string{"loss", "pos_mean", "raw_pos_mean", "neg_var", "accuracy"}, first, steps, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range seen {
			for k, bins := range curves {
				if got := bins[i].Mean; math.Abs(got-want[k+1]) > 1e-5*max(1, math.Abs(want[k+1])) || bins[i].Step != int(want[0]) {
					t.Fatalf("step %v, statistic %d: PyTorch has %v, the record %v", want[0], k, want[k+1], got)
				}
			}
		}
		heat, err := source.Sum("neg", 1, steps)
		if err != nil {
			t.Fatal(err)
		}
		if got := total(heat.Rows[0].Counts); got != float64(steps*16*64) {
			t.Errorf("want the histogram of %d negatives, got %v", steps*16*64, got)
		}
	}
	out, err := moco("4")
	check(out, err, 1, 40)

	// A restart that does not say resume stops, and changes nothing.
	before := contents(t, dir)
	if out, err := moco("4"); err == nil || !strings.Contains(out, "FileExistsError: "+dir+"/scores/record: want no earlier record") ||
		!strings.Contains(out, "got one of 40 steps, which is kept as it is") {
		t.Errorf("a restart: %v\n%s", err, out)
	}
	if out, err := moco("4", "41"); err == nil || !strings.Contains(out, "which is kept as it is") {
		t.Errorf("resumed after a step that is not recorded: %v\n%s", err, out)
	}
	if out, err := moco("4", "False"); err == nil || !strings.Contains(out, "which is kept as it is") {
		t.Errorf("a restart that says not to resume: %v\n%s", err, out)
	}
	if !maps.Equal(before, contents(t, dir)) {
		t.Error("a restart changed the run")
	}
	out, err = moco("5", "30") // from a checkpoint of step 30
	check(out, err, 31, 50)
	torn, err := os.OpenFile(filepath.Join(dir, "scores", "record", "pos.0"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	torn.WriteString("half a row") // the training was killed
	torn.Close()
	out, err = moco("6", "True")
	check(out, err, 51, 60)

	s, err := dashboard.New(dashboard.Options{Dir: runs})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	get := func(path string, into any) {
		t.Helper()
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequest("GET", "http://localhost"+path, nil))
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil || w.Code != 200 {
			t.Fatalf("%s: %d, %v: %.300s", path, w.Code, err, w.Body)
		}
	}
	var d struct {
		Config map[string]string
		Series []struct{ Name string }
		Kinds  []string
		Last   int
		Onset  int
		Epoch  int
		Epochs int
		State  string
		Notes  []string
	}
	get("/api/run?run=mine", &d)
	if d.Config["nce_k"] != "64" || d.Config["amp"] != "false" || d.Config["epochs"] != "6" || d.Last != 60 || d.Onset != 21 ||
		d.Epoch != 6 || d.Epochs != 6 || d.State != "finished" || len(d.Notes) > 0 {
		t.Errorf("got %+v", d)
	}
	if want := []string{"pos", "neg", "raw_pos", "raw_neg"}; !slices.Equal(d.Kinds, want) {
		t.Errorf("want the histograms %v, got %v", want, d.Kinds)
	}
	var c struct {
		Curves map[string]struct {
			Step []int
			Mean []float64
		}
	}
	get("/api/curves?run=mine&names=knn,"+url.QueryEscape("lambda_pos"), &c)
	if got := fmt.Sprint(c.Curves["knn"]); got != "{[10 20 30 40 50 60] [51 52 53 54 55 56]}" {
		t.Errorf("k-NN: got %s", got)
	}
	if l := c.Curves["lambda_pos"]; len(l.Step) != 40 || l.Step[0] != 21 {
		t.Errorf("λ: got %v", l)
	}
}

func total(counts []float64) (sum float64) {
	for _, n := range counts {
		sum += n
	}
	return sum
}

// contents returns the files of a folder with what is in them.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		files[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
