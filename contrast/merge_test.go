package contrast

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"contralens/contrast/ft"
	"contralens/internal/numeric"
	"contralens/torch"
)

// The merged statistics of two halves of a batch are those of the batch, with and without
// the transformation.
func TestMerge(t *testing.T) {
	const n, more, k, d = 5, 3, 40, 8
	err := torch.Run(func() error {
		torch.Scoped(func() {
			q, keys := unitRows(n+more, d, 1), unitRows(n+more, d, 2)
			queue := QueueNegatives{Rows: unitRows(k, d, 3)}
			transformed := (&Stream{Seed: 1}).Next(ft.Paper(), n+more, k, d, torch.CPU)
			for name, draw := range map[string]Draw{"plain": {}, "transformed": transformed} {
				of := func(first, count int) *Statistics {
					query := q.Narrow(0, first, count).Clone().SetRequiresGrad(true)
					return InfoNCE(query, keys.Narrow(0, first, count), queue, draw, Options{Temperature: 0.2, Bound: 2}).Statistics
				}
				got, rest, want := of(0, n), of(n, more), of(0, n+more)
				uniformity := (n*got.Uniformity + more*rest.Uniformity) / (n + more)
				got.Merge(rest)
				for field, pair := range map[string][2]float64{
					"entropy": {got.Entropy, want.Entropy}, "gradient": {got.Gradient, want.Gradient}, "alignment": {got.Alignment, want.Alignment},
					"uniformity": {got.Uniformity, uniformity}, "λ of positives": {got.LambdaPositive, want.LambdaPositive}, "λ of negatives": {got.LambdaNegative, want.LambdaNegative},
				} {
					numeric.Near(t, name+": "+field, pair[0], pair[1], 1e-5)
				}
				for side, pair := range map[string][2]Distribution{"raw": {got.Raw, want.Raw}, "seen": {got.Seen, want.Seen}} {
					a, b := pair[0], pair[1]
					for i, x := range []float64{a.PosMean, a.PosVar, a.PosExp, a.NegMean, a.NegVar, a.NegExp, a.Hardest} {
						y := []float64{b.PosMean, b.PosVar, b.PosExp, b.NegMean, b.NegVar, b.NegExp, b.Hardest}[i]
						numeric.Near(t, fmt.Sprintf("%s, %s: statistic %d", name, side, i), x, y, 1e-5*math.Max(1, math.Abs(y)))
					}
					if len(a.Positives) != n+more || !slices.Equal(a.Negatives, b.Negatives) {
						t.Errorf("%s, %s: %d positives; negatives counted\n%v, want\n%v", name, side, len(a.Positives), a.Negatives, b.Negatives)
					}
				}
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
