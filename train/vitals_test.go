package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"contralens/checkpoint"
	"contralens/config"
	"contralens/data"
	"contralens/scores/vitals"
	"contralens/views"
)

// pictures are n images [3, 16, 16] of noise, in normalized pixels.
func pictures(n int) (rows [][]float32) {
	for i := range n {
		row := make([]float32, 3*inputSide*inputSide)
		for j := range row {
			row[j] = float32(math.Sin(float64(1+i) * float64(1+j) * 0.7))
		}
		rows = append(rows, row)
	}
	return rows
}

func TestInputs(t *testing.T) {
	rows := pictures(20)
	if in := describeInputs(rows, 100); in.Flat != 0 || in.Gray != 0 || in.Twins != 0 || in.Sampled != 20 || in.Images != 100 {
		t.Errorf("noise: %+v", in)
	}
	again := append(pictures(10), pictures(10)...)
	for i := range again[10:] {
		for j := range again[10+i] {
			again[10+i][j] += 0.01 // as another encoder of JPEG files
		}
	}
	if in := describeInputs(again, 20); in.Twins != 10 || math.Abs(in.Copies-1) > 1e-9 {
		t.Errorf("ten pictures twice: %+v", in)
	}
	for i := range rows[:5] {
		for j := range rows[i] {
			rows[i][j] = float32(j / (inputSide * inputSide)) // a color
		}
	}
	if in := describeInputs(rows, 100); in.Flat != 0.25 || in.Twins != 0 {
		t.Errorf("five of one color: %+v", in)
	}
}

func TestIndexOrder(t *testing.T) {
	var inOrder, shuffled []int
	for i := range 300 {
		inOrder, shuffled = append(inOrder, i), append(shuffled, i*127%300)
	}
	if v := indexOrder(inOrder, 300); v > 0.02 {
		t.Errorf("in order: %v", v)
	}
	if v := indexOrder(shuffled, 300); v < 0.7 {
		t.Errorf("shuffled: %v", v)
	}
	if v := indexOrder([]int{1}, 300); v == v {
		t.Errorf("one image: %v", v)
	}
}

// TestVitalsHook: a line comes at the planned steps with means over those since the line before, sure
// diagnoses are said once, also by a run that resumes, which drops later lines.
func TestVitalsHook(t *testing.T) {
	c := config.DefaultContrast()
	c.K, c.BatchSize, c.Epochs, c.FeatDim, c.InputRes, c.Memory = 16, 4, 5, 2, 16, "moco"
	inTorch(t, func() {
		r := small(t, 40, c)
		defer r.Close()
		r.Train = colors(40, 40)
		var said []string
		r.Say = func(format string, args ...any) {
			said = append(said, strings.TrimSuffix(format, "%s")+args[len(args)-1].(string))
		}
		h := VitalsHook()
		start := func() {
			t.Helper()
			if err := h.Start(r); err != nil {
				t.Fatal(err)
			}
		}
		start()
		step := func(i int) {
			t.Helper()
			r.GlobalStep = i - 1
			s := Step{Epoch: 1, Step: i, Loss: float64(i), Negatives: 16}
			if h.Collect(r).Vitals {
				s.Vitals = map[string]float64{vitals.Spread: 0.5, vitals.Order: math.NaN()}
			}
			if err := h.Step(r, s); err != nil {
				t.Fatal(err)
			}
		}
		for i := 1; i <= 12; i++ {
			step(i)
		}
		lines, err := vitals.Read(r.Dir)
		if err != nil || len(lines) != 4 || lines[0].Inputs == nil || lines[0].Planned != 50 {
			t.Fatalf("want a line of inputs and those of steps 1, 5 and 10, got %+v, %v", lines, err)
		}
		if l := lines[3]; l.Step != 10 || l.Values[vitals.Loss] != 8 || l.Values[vitals.Spread] != 0.5 || l.Values[vitals.Fill] != 1 {
			t.Errorf("got %+v", l)
		}
		if _, ok := lines[3].Values[vitals.Order]; ok {
			t.Error("NaN was recorded")
		}
		count := func(cause string) (n int) {
			for _, s := range said {
				if strings.Contains(s, cause) {
					n++
				}
			}
			return n
		}
		if count("the same images several times") != 1 {
			t.Errorf("copies: said %q", said)
		}
		state := checkpoint.Encode(h.State()) // after step 12: the sums of two steps
		r.GlobalStep = 12
		h = VitalsHook()
		h.Load(state)
		start()
		for i := 13; i <= 15; i++ {
			step(i)
		}
		if lines, err := vitals.Read(r.Dir); err != nil || len(lines) != 5 || lines[4].Values[vitals.Loss] != 13 {
			t.Errorf("resumed after step 12: want the mean of steps 11 to 15, got %+v, %v", lines, err)
		}
		r.GlobalStep = 5
		h = VitalsHook()
		start()
		if lines, err := vitals.Read(r.Dir); err != nil || len(lines) != 3 {
			t.Errorf("resumed after step 5: %d lines, %v", len(lines), err)
		}
		for i := 6; i <= 10; i++ {
			step(i)
		}
		if count("the same images several times") != 1 {
			t.Errorf("said again after resuming: %q", said)
		}
	})
}

// Images that cannot be sampled still have a number, by which the queue is too long.
func TestUnsampledInputs(t *testing.T) {
	c := config.DefaultContrast()
	c.K, c.BatchSize, c.Epochs, c.FeatDim, c.InputRes, c.Memory = 64, 4, 5, 16, 16, "moco"
	inTorch(t, func() {
		r := small(t, 40, c)
		defer r.Close()
		r.Train = unreadable{colors(40, 40)}
		said := ""
		r.Say = func(format string, args ...any) { said += fmt.Sprintf(format, args...) + "\n" }
		if err := VitalsHook().Start(r); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(said, "could not be sampled for diagnoses") || !strings.Contains(said, "the queue is longer than the data") {
			t.Errorf("said %s", said)
		}
		lines, err := vitals.Read(r.Dir)
		if err != nil || len(lines) != 1 || lines[0].Inputs == nil || lines[0].Inputs.Images != 40 {
			t.Errorf("recorded %+v, %v", lines, err)
		}
	})
}

// unreadable has images that cannot be read.
type unreadable struct{ data.Dataset }

func (unreadable) Image(context.Context, int, *views.Image) error { return errors.New("unreadable") }
