package train

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"contralens/contrast"
	"contralens/scores"
	"contralens/scores/record"
	"contralens/torch"
)

// TestReplayedTemperature: histograms recorded at one temperature give what a forward pass at others
// computes on the same features. The loss may differ by what the bins allow (each score by half a bin's width w, so
// w/τ), and by what the queries' sums of exponentials differ, of which histograms keep the mean: by Jensen's
// inequality at most log mean Z - mean log Z. The same bounds hold for the logarithm of the share
// of single negatives; an entropy, Σ p log p, changes by at most twice their sum.
func TestReplayedTemperature(t *testing.T) {
	const n, k, d = 48, 2000, 24
	err := torch.Run(func() error {
		torch.Scoped(func() {
			rng := rand.New(rand.NewPCG(5, 6))
			rows := func(n int, center []float64, spread float64) *torch.Tensor {
				v := make([]float64, n*d)
				for i := range v {
					v[i] = spread * rng.NormFloat64()
					if center != nil {
						v[i] += center[i%len(center)]
					}
				}
				return torch.FromFloat64(v, n, d).Normalize(1).To(torch.Float32)
			}
			q := rows(n, nil, 1)
			key := rows(n, q.Float64s(), 0.15)
			queue := contrast.QueueNegatives{Rows: rows(k, nil, 1)}
			kinds := record.TrainingHistograms(false)
			out := contrast.InfoNCE(q, key, queue, contrast.Draw{}, contrast.Options{Temperature: 0.2, Bound: 1})
			var heats []record.Heat
			for _, kind := range kinds {
				counts := make([]float32, kind.Bins)
				count(counts, kind, out.Statistics)
				row := record.HeatRow{Step: 1, N: 1}
				for _, c := range counts {
					row.Counts = append(row.Counts, float64(c))
				}
				heats = append(heats, record.Heat{Edges: kind.Edges(), Rows: []record.HeatRow{row}})
			}
			w := (kinds[0].High - kinds[0].Low) / float64(kinds[0].Bins)
			logits := q.Mm(queue.Rows.T()).To(torch.Float64)
			for _, τ := range []float64{0.05, 0.07, 0.1, 0.2, 0.5, 1} {
				got, err := scores.Replay(heats[0], heats[1], τ)
				if err != nil {
					t.Fatal(err)
				}
				images := torch.ArangeOn(n, torch.CPU).To(torch.Int32)
				actual := contrast.InfoNCE(q, key, queue, contrast.Draw{}, contrast.Options{
					Temperature: τ, Bound: 1, Trace: &contrast.Tracing{Top: 1, Images: images},
				})
				sums := logits.DivScalar(τ).LogSumExp([]int{1}, false).Float64s()
				mean, highest := 0.0, math.Inf(-1)
				for _, s := range sums {
					mean, highest = mean+s/n, max(highest, s)
				}
				all := 0.0
				for _, s := range sums {
					all += math.Exp(s-highest) / n
				}
				bound := w/τ + highest + math.Log(all) - mean
				pull := 0.0
				for _, q := range actual.Trace.Queries {
					pull += q.Weight / n
				}
				near := func(what string, got, want, bound float64) {
					if !(math.Abs(got-want) <= bound) {
						t.Errorf("τ %v: %s is %v, want %v ± %v", τ, what, got, want, bound)
					}
				}
				near("loss", got.Loss, actual.Value, bound)
				near("log of the effective negatives", math.Log(got.Effective), actual.Statistics.Entropy, 2*bound)
				near("pull", got.Pull, pull, bound/4) // the slope of a logistic function is at most 1/4
				near("chance", got.Chance, math.Log(k+1), 1e-9)
				for i := range got.Hardest {
					near(fmt.Sprint("share of the hardest ", scores.ReplayCounts[i]), got.Hardest[i], actual.Trace.Hardest[i], 2*bound*actual.Trace.Hardest[i])
				}
				if τ >= 0.2 {
					near("loss, closely", got.Loss, actual.Value, 0.02)
				}
				t.Logf("τ %v: loss %.4f, real %.4f ± %.3f; effective %.1f, real %.1f; hardest %.3f, real %.3f", τ, got.Loss, actual.Value, bound,
					got.Effective, math.Exp(actual.Statistics.Entropy), got.Hardest, actual.Trace.Hardest)
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
