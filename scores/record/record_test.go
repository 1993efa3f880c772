package record

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var testHeader = NewHeader([]string{"loss", "noise"}, []Histogram{{"pos", -1, 1, 4}, {"neg", -1, 1, 3}})

// testStep returns a step with unique values.
func testStep(i int) Step {
	rng := rand.New(rand.NewPCG(9, uint64(i)))
	s := Step{Step: i, Values: []float32{float32(i), float32(rng.NormFloat64())}, Histograms: [][]float32{make([]float32, 4), make([]float32, 3)}}
	s.Histograms[0][i%4], s.Histograms[1][i%3] = float32(i), 1
	if i%10 == 0 {
		s.Values[1] = float32(math.NaN())
	}
	return s
}

func write(t testing.TB, dir string, h Header, from, to int) {
	t.Helper()
	w, err := NewWriter(dir, h, from-1)
	if err != nil {
		t.Fatal(err)
	}
	for i := from; i <= to; i++ {
		if err := w.Add(testStep(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// checkAll compares a record of steps 1 … n with the steps, at many zooms.
func checkAll(t *testing.T, dir string, n int) {
	t.Helper()
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if first, last := r.Range(); first != 1 || last != n {
		t.Fatalf("steps %d to %d, want 1 to %d", first, last, n)
	}
	for _, v := range []struct{ from, to, points int }{{1, n, n}, {1, n, 1}, {1, n, 7}, {1, n, 100}, {n / 3, n / 2, 10}, {n / 2, n, 3}, {-5, 10 * n, 64}} {
		for column, name := range r.Series() {
			bins, err := r.Curve(name, v.from, v.to, v.points)
			if err != nil {
				t.Fatal(err)
			}
			if len(bins) > v.points {
				t.Errorf("%+v: %d bins", v, len(bins))
			}
			for i, b := range bins {
				end := min(v.to, n)
				if i+1 < len(bins) {
					end = bins[i+1].Step - 1
				}
				want := Bin{Step: b.Step, Min: math.Inf(1), Max: math.Inf(-1)}
				for s := b.Step; s <= end; s++ {
					if x := float64(testStep(s).Values[column]); !math.IsNaN(x) {
						want.N++
						want.Mean += x
						want.Min, want.Max = min(want.Min, x), max(want.Max, x)
					}
				}
				if want.Mean /= float64(want.N); b.N != want.N || b.Min != want.Min || b.Max != want.Max || math.Abs(b.Mean-want.Mean) > 1e-5*max(1, math.Abs(want.Mean)) {
					t.Fatalf("%s %+v bin %d: got %+v, want %+v", name, v, i, b, want)
				}
			}
		}
		for column, name := range r.Series() {
			b, err := r.Summary(name, v.from, v.to)
			if err != nil {
				t.Fatal(err)
			}
			want, from, to := Bin{Step: max(v.from, 1)}, max(v.from, 1), min(v.to, n)
			for s := from; s <= to; s++ {
				if x := float64(testStep(s).Values[column]); !math.IsNaN(x) {
					want = AppendBin([]Bin{want}, Bin{Step: from, N: 1, Mean: x, Min: x, Max: x})[0]
				}
			}
			if b.Step != from || b.N != want.N || math.Abs(b.Mean-want.Mean) > 1e-5*max(1, math.Abs(want.Mean)) {
				t.Fatalf("%s: the summary of steps %d to %d is %+v, want %+v", name, from, to, b, want)
			}
		}
		sum, err := r.Sum("pos", v.from, v.to)
		if err != nil {
			t.Fatal(err)
		}
		exact, from, to := make([]float64, 4), max(v.from, 1), min(v.to, n)
		for s := from; s <= to; s++ {
			exact[s%4] += float64(s)
		}
		if from <= to && (len(sum.Rows) != 1 || sum.Rows[0].Step != from || sum.Rows[0].N != to-from+1 || fmt.Sprint(sum.Rows[0].Counts) != fmt.Sprint(exact)) {
			t.Fatalf("%+v: the sum of steps %d to %d is %+v, want %v", v, from, to, sum.Rows, exact)
		}
		heat, err := r.Histograms("pos", v.from, v.to, v.points)
		if err != nil {
			t.Fatal(err)
		}
		if len(heat.Rows) > v.points || len(heat.Edges) != 5 {
			t.Errorf("%+v: %d rows, %d edges", v, len(heat.Rows), len(heat.Edges))
		}
		for i, row := range heat.Rows {
			want := make([]float64, 4)
			for s := row.Step; s < row.Step+row.N; s++ {
				want[s%4] += float64(s)
			}
			if fmt.Sprint(want) != fmt.Sprint(row.Counts) {
				t.Fatalf("%+v row %d (%d steps from %d): got %v, want %v", v, i, row.N, row.Step, row.Counts, want)
			}
		}
	}
}

func TestWriteAndRead(t *testing.T) {
	for _, n := range []int{1, 7, 8, 9, 64, 513, 1000} {
		dir := t.TempDir()
		write(t, dir, testHeader, 1, n)
		checkAll(t, dir, n)
	}
}

// A resumed training drops the steps after its checkpoint and fills in steps that a crash
// lost, for all positions of both.
func TestResume(t *testing.T) {
	for _, at := range []int{0, 1, 8, 63, 64, 65, 400, 511, 512, 599} {
		dir := t.TempDir()
		write(t, dir, testHeader, 1, 600)
		write(t, dir, testHeader, at+1, 650)
		checkAll(t, dir, 650)
	}
	dir := t.TempDir()
	write(t, dir, testHeader, 1, 600)
	for name, size := range map[string]int64{"values.1": 36*20 + 5, "values.3": 0, "pos.2": 20 * 3} {
		if err := os.Truncate(filepath.Join(dir, name), size); err != nil {
			t.Fatal(err)
		}
	}
	checkAll(t, dir, 600)
	write(t, dir, testHeader, 601, 700)
	checkAll(t, dir, 700)
	if rows, _ := values(dir, testHeader).rows(1); rows != 700/8 {
		t.Errorf("%d rows of level 1 after going on, want %d", rows, 700/8)
	}
}

// A record of another program, which may omit the coarser levels.
func TestWithoutPyramid(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, testHeader, 1, 600)
	coarse, err := filepath.Glob(filepath.Join(dir, "*.[1-9]"))
	if err != nil || len(coarse) != 9 { // three levels of three tables
		t.Fatalf("%v, %v", coarse, err)
	}
	for _, path := range coarse {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	checkAll(t, dir, 600)
}

// Flushed steps can be read while the writer continues, and a half-written step is
// ignored.
func TestLive(t *testing.T) {
	dir := t.TempDir()
	w, err := NewWriter(dir, testHeader, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if bins, err := r.Curve("loss", 1, 100, 10); err != nil || len(bins) != 0 {
		t.Fatalf("an empty record: %v, %v", bins, err)
	}
	for i := 1; i <= 120; i++ {
		w.flushed = time.Now().Add(time.Hour) // on a slow machine too, no flush because time has passed
		if err := w.Add(testStep(i)); err != nil {
			t.Fatal(err)
		}
	}
	checkAll(t, dir, 100) // flushed every 50 steps
	f, err := os.OpenFile(filepath.Join(dir, "values.0"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.Write([]byte{101, 0, 0, 0, 1})
	f.Close()
	checkAll(t, dir, 100)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := r.Refresh(); err != nil {
		t.Fatal(err)
	}
	if _, last := r.Range(); last != 120 {
		t.Errorf("last step %d, want 120", last)
	}
	checkAll(t, dir, 120)
	if err := w.Add(testStep(120)); err == nil {
		t.Error("a step is recorded twice")
	}
}

// A record that starts late, has gaps, or has rows of several steps.
func TestGapsAndUnits(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, testHeader, 11, 30)
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if first, last := r.Range(); first != 11 || last != 30 {
		t.Errorf("steps %d to %d", first, last)
	}
	w, err := NewWriter(dir, testHeader, 35)
	if err != nil {
		t.Fatal(err)
	}
	w.Add(testStep(36))
	w.Close()
	r.Refresh()
	if bins, err := r.Curve("loss", 1, 40, 100); err != nil || len(bins) != 21 || bins[20].Step != 36 || bins[20].Mean != 36 {
		t.Errorf("%v %v", bins, err)
	}
	coarse := testHeader
	coarse.HistogramSteps = 5
	dir = t.TempDir()
	write(t, dir, coarse, 1, 103)
	write(t, dir, coarse, 93, 108) // in the middle of a row: 91 and 92 are lost to it
	if r, err = Open(dir); err != nil {
		t.Fatal(err)
	}
	heat, err := r.Histograms("neg", 1, 108, 1000)
	if err != nil || len(heat.Rows) != 21 {
		t.Fatalf("%d rows, %v", len(heat.Rows), err)
	}
	sum := 0.0
	for _, c := range heat.Rows[18].Counts {
		sum += c
	}
	if row := heat.Rows[18]; row.Step != 91 || row.N != 5 || sum != 3 {
		t.Errorf("row 18: %+v", row)
	}
	raw, err := r.Histograms("raw_neg", 1, 108, 1000)
	if err != nil || len(raw.Rows) != 21 {
		t.Errorf("raw scores of a run without transformation: %v", err)
	}
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "--record") {
		t.Errorf("no record: %v", err)
	}
	write(t, dir, testHeader, 1, 100)
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Curve("lost", 1, 2, 3); err == nil || !strings.Contains(err.Error(), `"lost"`) {
		t.Errorf("unknown series: %v", err)
	}
	if _, err := r.Histograms("lost", 1, 2, 3); err == nil {
		t.Error("unknown histogram is read")
	}
	path := filepath.Join(dir, "values.0")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(path, append(b[:12*50:12*50], b[12*50+4:]...), 0o644)
	if _, err := r.Curve("loss", 1, 99, 1000); err == nil || !strings.Contains(err.Error(), "damaged") || !strings.Contains(err.Error(), "row 50") {
		t.Errorf("four bytes lost: %v", err)
	}
	os.Truncate(path, 12*3)
	if bins, err := r.Curve("loss", 1, 99, 1000); err != nil || len(bins) > 99 {
		t.Errorf("shorter than when it was opened: %v %v", len(bins), err)
	}
	for _, text := range []string{"", "{", `{"format":"x"}`, strings.Repeat(" ", maxHeader+1),
		`{"format":"contralens-scores","version":2,"first_step":1,"fan":8,"series":["a"],"histogram_steps":1}`,
		`{"format":"contralens-scores","version":1,"first_step":1,"fan":8,"series":["a","a"],"histogram_steps":1}`,
		`{"format":"contralens-scores","version":1,"first_step":1,"fan":8,"series":["a"],"histogram_steps":1,"histograms":[{"kind":"../x","low":0,"high":1,"bins":3}]}`,
		`{"format":"contralens-scores","version":1,"first_step":1,"fan":8,"series":["a"],"histogram_steps":1,"histograms":[{"kind":"x","low":0,"high":1,"bins":1000000000}]}`,
	} {
		os.WriteFile(headerPath(dir), []byte(text), 0o644)
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "record.json") {
			t.Errorf("header %.60q: %v", text, err)
		}
	}
}

// A record of a million steps opens and draws fast, with its peaks.
func TestMillionSteps(t *testing.T) {
	dir := t.TempDir()
	if err := Generate(dir, 1_000_000); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	all, err := r.Curves(r.Series(), 1, 1_000_000, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Histograms("neg", 1, 1_000_000, 200); err != nil {
		t.Fatal(err)
	}
	took := time.Since(begin)
	t.Logf("%v for %d curves of %d bins and a heat map", took, len(all), len(all[1]))
	peaks := 0
	for _, b := range all[1] {
		if b.Max == 50 {
			peaks++
		}
	}
	if peaks != 9 {
		t.Errorf("%d peaks seen, want 9", peaks)
	}
	if took > 1500*time.Millisecond {
		t.Errorf("took %v", took)
	}
}
