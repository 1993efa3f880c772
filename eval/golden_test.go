package eval

import (
	"math"
	"testing"

	"contralens/internal/golden"
	"contralens/torch"
)

func TestAccuracyGolden(t *testing.T) {
	c := golden.Load(t, "misc", "accuracy")
	var meta struct{ Top1, Top5 float64 }
	c.Unmarshal(&meta)
	logits, shape := c.F32("logits")
	labels := c.Array("target").I64
	if err := torch.Run(func() error {
		torch.Scoped(func() {
			x := torch.FromFloat32(logits, shape...)
			for k, want := range map[int]float64{1: meta.Top1, 5: meta.Top5} {
				if got := Accuracy(x, labels, k); math.Abs(got-want) > 1e-9 {
					t.Errorf("top-%d: got %v, want %v", k, got, want)
				}
			}
		})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
