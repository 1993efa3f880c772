package runner

import (
	"math"
	"testing"

	"contralens/scores/record"
)

// The scores of the last epoch have no step of another epoch, wherever it begins.
func TestLastEpoch(t *testing.T) {
	for _, length := range []int{3, 64, 79, 100} {
		dir := t.TempDir()
		w, err := record.NewWriter(record.Dir(dir), record.NewHeader([]string{"epoch", "neg_mean"}, nil), 0)
		if err != nil {
			t.Fatal(err)
		}
		const epochs = 12
		for step := 1; step <= epochs*length; step++ {
			epoch := (step-1)/length + 1
			mean := 1000.0
			if epoch == epochs {
				mean = float64(step % 2)
			}
			if err := w.Add(record.Step{Step: step, Values: []float32{float32(epoch), float32(mean)}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		odd := float64((epochs*length+1)/2-((epochs-1)*length+1)/2) / float64(length)
		if got, err := lastEpoch(dir, "neg_mean"); err != nil || math.Abs(got-odd) > 1e-6 {
			t.Errorf("%d steps an epoch: %v, %v, want %v", length, got, err, odd)
		}
	}
}
