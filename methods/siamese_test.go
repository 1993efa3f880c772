package methods

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"contralens/internal/golden"
	"contralens/internal/numeric"
	"contralens/nn"
	"contralens/torch"
)

// SimSiam's embeddings lose what all of them have in common; BYOL's do not change.
func TestStandardized(t *testing.T) {
	const n, d = 6, 4
	rng := rand.New(rand.NewPCG(1, 2))
	apart, alike := make([]float32, n*d), make([]float32, n*d)
	for i := range apart {
		apart[i] = float32(rng.NormFloat64())
		alike[i] = apart[i] + 20*float32(i%d+1) // the same for every row
	}
	err := torch.Run(func() error {
		torch.Scoped(func() {
			simsiam := &siamese{Model: &Model{}}
			got := simsiam.standardized(torch.FromFloat32(alike, n, d)).Float32s()
			golden.Near(t, "embeddings that are alike", got, simsiam.standardized(torch.FromFloat32(apart, n, d)).Float32s(), 1e-4)
			for row := range n {
				length := 0.0
				for _, x := range got[row*d : (row+1)*d] {
					length += float64(x) * float64(x)
				}
				numeric.Near(t, fmt.Sprintf("squared length of row %d", row), length, 1, 1e-5)
			}
			z := torch.FromFloat32(alike, n, d)
			if byol := (&siamese{Model: &Model{Key: &nn.Model{}}}); byol.standardized(z) != z {
				t.Error("BYOL's embeddings are changed")
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
