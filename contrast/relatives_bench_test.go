package contrast

import (
	"fmt"
	"testing"

	"contralens/torch"
)

// BenchmarkRelatives measures the contrast of a step, and its gradient, with relatives of
// InfoNCE at the sizes of MoCo v2.
func BenchmarkRelatives(b *testing.B) {
	const n, k, d = 256, 65536, 128
	mochi := &Synthesis{From: 1024, Counts: [Kinds]int{Paired: 1024, Interpolated: 128}}
	synco := &Synthesis{From: 1024, Counts: [Kinds]int{256, 256, 256, 64, 64, 64}}
	for _, c := range []struct {
		name string
		o    Options
	}{
		{"InfoNCE", Options{}}, {"DCL", Options{Loss: DCL{}}}, {"HCL", Options{Loss: HCL{Beta: 1, TauPlus: 0.1}}},
		{"MoCHi", Options{Synthesis: mochi}}, {"SynCo", Options{Synthesis: synco}},
	} {
		b.Run(c.name, func(b *testing.B) {
			err := torch.Run(func() error {
				torch.Scoped(func() {
					c.o.Temperature = 0.2
					q, key, queue := unitRows(n, d, 1).SetRequiresGrad(true), unitRows(n, d, 2), unitRows(k, d, 3)
					for b.Loop() {
						torch.Scoped(func() {
							InfoNCE(q, key, QueueNegatives{Rows: queue}, Draw{}, c.o).Loss.Backward()
							q.ClearGrad()
						})
					}
				})
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkHardest compares the search of the hardest negatives block by block with that in
// a matrix of scores.
func BenchmarkHardest(b *testing.B) {
	const n, k, d, top = 256, 65536, 128, 1024
	for name, find := range map[string]func(s QueueNegatives, q *torch.Tensor) *torch.Tensor{
		"blocks": func(s QueueNegatives, q *torch.Tensor) *torch.Tensor { return s.Hardest(q, top, Draw{}) },
		"matrix": func(s QueueNegatives, q *torch.Tensor) *torch.Tensor { return s.hardestPlain(q, top, Draw{}) },
	} {
		b.Run(name, func(b *testing.B) {
			err := torch.Run(func() error {
				torch.Scoped(func() {
					q, queue := unitRows(n, d, 1), QueueNegatives{Rows: unitRows(k, d, 3)}
					for b.Loop() {
						torch.Scoped(func() { find(queue, q) })
					}
				})
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}

// The trace of a batch against the largest queue, which the record takes every ten steps.
func BenchmarkTrace(b *testing.B) {
	err := torch.Run(func() error {
		for _, n := range []int{32, 256} {
			b.Run(fmt.Sprint(n), func(b *testing.B) {
				torch.Scoped(func() {
					const k, d = 65536, 128
					q, key := unitRows(n, d, 1), unitRows(n, d, 2)
					images := torch.ArangeOn(n, torch.CPU).To(torch.Int32)
					s := QueueNegatives{Rows: unitRows(k, d, 3), Origins: unknown(k, torch.CPU)}
					o := Options{Temperature: 0.07, Trace: &Tracing{Top: 6, Images: images, Labels: images, Step: 9}}
					for b.Loop() {
						torch.Scoped(func() { (&Output{}).traceNegatives(q, key, s, Draw{}, o) })
					}
				})
			})
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
