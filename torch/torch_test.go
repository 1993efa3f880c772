package torch

import (
	"math"
	"testing"
)

func TestHello(t *testing.T) {
	err := Run(func() error {
		Scoped(func() {
			a := FromFloat32([]float32{1, 2, 3, 4}, 2, 2)
			b := a.Mm(a).Add(a)
			t.Log(b, b.Float32s(), math.Pi, Version())
		})
		return nil
	})
	if err != nil || LiveTensors() != 0 {
		t.Fatal(err, LiveTensors())
	}
}
