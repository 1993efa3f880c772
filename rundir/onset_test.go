package rundir

import (
	"math"
	"testing"

	"contralens/scores/record"
)

const stepsPerEpoch = 100

// add records steps first … last of a run with a λ for those from onset on; 0 omits the
// series of λ.
func add(t *testing.T, dir string, first, last, onset int) {
	t.Helper()
	series := []string{"epoch"}
	if onset > 0 {
		series = append(series, "lambda_pos", "lambda_neg")
	}
	w, err := record.NewWriter(dir, record.NewHeader(series, nil), first-1)
	if err != nil {
		t.Fatal(err)
	}
	none := float32(math.NaN())
	for step := first; step <= last; step++ {
		values := []float32{float32((step-1)/stepsPerEpoch + 1), none, none}
		if step >= onset {
			values[1] = 1.5 // only positives are transformed
		}
		if err := w.Add(record.Step{Step: step, Values: values[:len(series)]}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// onset returns the Onset of options, given as alternating names and values, and a
// record.
func onset(t *testing.T, dir string, options ...string) int {
	t.Helper()
	config := map[string]string{"mixnorm": "true", "mix_start_epoch": "0", "mix_start_step": "0"}
	for i := 0; i < len(options); i += 2 {
		config[options[i]] = options[i+1]
	}
	r, err := record.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	step, err := Onset(config, r)
	if err != nil {
		t.Fatal(err)
	}
	return step
}

// If λ was recorded, the first λ is the onset, exact to the step however long the
// record is, and whatever the options are. The series is first read coarsely.
func TestOnsetByLambda(t *testing.T) {
	for _, last := range []int{1, 63, 64, 65, 130, 1000, 5003} {
		dir := t.TempDir()
		add(t, dir, 1, last, last+1)
		if got := onset(t, dir, "mix_start_step", "3"); got != NotYet {
			t.Errorf("no λ in %d steps: got %d", last, got)
		}
		for _, want := range []int{1, 2, 9, 63, 64, 65, 66, last/2 + 1, last - 1, last} {
			if want < 1 || want > last {
				continue
			}
			dir := t.TempDir()
			add(t, dir, 1, last, want)
			for _, options := range [][]string{nil, {"mix_start", "auto"}, {"mix_start_epoch", "1"}, {"mix_start_step", "7"}} {
				if got := onset(t, dir, options...); got != want {
					t.Errorf("%d steps, %v: got %d, want %d", last, options, got, want)
				}
			}
		}
	}
}

// A λ of only a few steps is found too, although its bin may cover many other steps.
func TestOnsetOfFewSteps(t *testing.T) {
	for _, at := range []int{1, 2, 500, 511, 512, 513, 4001} {
		few := curves{last: 4001, values: map[string]func(int) float64{"lambda_neg": func(step int) float64 {
			if step == at {
				return 1
			}
			return math.NaN()
		}}}
		if got, err := Onset(map[string]string{"mixnorm": "true"}, few); got != at || err != nil {
			t.Errorf("got %d, %v, want %d", got, err, at)
		}
	}
}

// curves is a source without λ for most steps. Its bins begin at multiples of their
// length, as in a record, and may cover steps outside of the requested range.
type curves struct {
	last   int
	values map[string]func(step int) float64
}

func (c curves) Series() (names []string) {
	for name := range c.values {
		names = append(names, name)
	}
	return names
}

func (c curves) Range() (first, last int) { return 1, c.last }

func (c curves) Curve(name string, from, to, points int) (bins []record.Bin, err error) {
	span := 1
	for (to-from+1+span-1)/span > points {
		span *= 2
	}
	for begin := (from - 1) / span * span; begin < to; begin += span {
		for step := begin + 1; step <= min(begin+span, c.last); step++ {
			if v := c.values[name](step); !math.IsNaN(v) {
				bins = record.AppendBin(bins, record.Bin{Step: begin + 1, N: 1, Mean: v, Min: v, Max: v})
			}
		}
	}
	return bins, nil
}

// Without λ, the options determine the onset: both the epoch and the step must have
// passed.
func TestOnsetByOptions(t *testing.T) {
	dir := t.TempDir()
	add(t, dir, 1, 1000, 0)
	for _, c := range []struct {
		options []string
		want    int
	}{
		{nil, 1},
		{[]string{"mixnorm", "false", "mix_start_step", "7"}, 0},
		{[]string{"mix_start_step", "7"}, 8},
		{[]string{"mix_start_epoch", "2"}, 201},
		{[]string{"mix_start_epoch", "1", "mix_start_step", "50"}, 101},
		{[]string{"mix_start_epoch", "1", "mix_start_step", "150"}, 151},
		{[]string{"mix_start_epoch", "9"}, 901},
		{[]string{"mix_start_epoch", "10"}, NotYet}, // of 10 epochs
		{[]string{"mix_start_step", "1000"}, NotYet},
		{[]string{"mix_start", "auto"}, 0}, // unknown
		{[]string{"mix_start_epoch", "x"}, 1},
	} {
		if got := onset(t, dir, c.options...); got != c.want {
			t.Errorf("%v: got %d, want %d", c.options, got, c.want)
		}
	}
}

// A run that was resumed before its transformation started has the onset at the end of
// the record. A run that resumed another run's checkpoint has it at the beginning.
func TestOnsetOfResumedRuns(t *testing.T) {
	dir := t.TempDir()
	add(t, dir, 1, 150, 101) // lost: it was killed
	add(t, dir, 91, 400, 201)
	if got := onset(t, dir, "mix_start_epoch", "2"); got != 201 {
		t.Errorf("resumed at step 91: got %d, want 201", got)
	}
	other := t.TempDir()
	add(t, other, 301, 400, 1)
	for _, options := range [][]string{nil, {"mix_start_epoch", "1"}, {"mix_start", "auto"}} {
		if got := onset(t, other, options...); got != 301 {
			t.Errorf("%v: begun at step 301: got %d, want 301", options, got)
		}
	}
}
