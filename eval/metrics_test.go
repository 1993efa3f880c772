package eval

import (
	"math"
	"reflect"
	"testing"

	"contralens/internal/numeric"
	"contralens/torch"
)

// Accuracies, compared with counting by hand: 4 classes, one without test images; read at
// once, and late as on a GPU.
func TestTally(t *testing.T) {
	for _, late := range []*torch.Readback{nil, torch.NewReadback(torch.CPU).Defer()} {
		tallies(t, late)
	}
}

func tallies(t *testing.T, late *torch.Readback) {
	before := torch.LiveTensors()
	err := torch.Run(func() error {
		torch.Scoped(func() {
			tally := NewTally(4)
			tally.late = late
			torch.Scoped(func() { tally.Add(torch.FromFloat32([]float32{3, 2, 1, 0, 3, 2, 1, 0}, 2, 4), []int64{0, 1}) })
			if read := tally.top5 > 0; read != (late == nil) {
				t.Errorf("late %v: %d right so far", late != nil, tally.top5)
			}
			tally.Add(torch.FromFloat32([]float32{0, 1, 9, 0}, 1, 4), []int64{2})
			s := tally.Scores([]int{101, 100, 20, 19})
			want := Scores{Top1: 200. / 3, Top5: 100, PerClass: []float64{100, 0, 100, -1}, Shots: &Shots{Many: 100, Medium: 50, Few: -1}}
			if math.Abs(s.Top1-want.Top1) > 1e-9 {
				t.Errorf("top-1 %v, want %v", s.Top1, want.Top1)
			}
			// Σ log Σ exp(logits) - the label's logit, over 3
			loss := (math.Log(math.Exp(3)+math.Exp(2)+math.E+1) - 3 + math.Log(math.Exp(3)+math.Exp(2)+math.E+1) - 2 + math.Log(2+math.E+math.Exp(9)) - 9) / 3
			numeric.Near(t, "loss", s.Loss, loss, 1e-6)
			s.Top1, want.Top1, s.Loss = 0, 0, 0
			if !reflect.DeepEqual(s, want) {
				t.Errorf("got %+v %+v, want %+v %+v", s, s.Shots, want, want.Shots)
			}
			if tally.Scores([]int{50, 50, 50, 50}).Shots != nil {
				t.Error("shots of a balanced training set")
			}
			tally.Add(torch.FromFloat32([]float32{0, 1, 9, 0}, 1, 4), []int64{2})
			tally.Free()
		})
		return nil
	})
	if n := torch.LiveTensors() - before; n != 0 {
		t.Errorf("%d tensors left", n)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The limits are >100, 20–100 and <20 training images.
func TestShots(t *testing.T) {
	got := shots([]float64{10, 20, 30, 40, 50, 60}, []int{1000, 101, 100, 20, 19, 1})
	if want := (Shots{Many: 15, Medium: 35, Few: 55}); *got != want {
		t.Errorf("got %+v, want %+v", *got, want)
	}
}
