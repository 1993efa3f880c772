package contrast_test

import (
	"fmt"

	"contralens/contrast"
	"contralens/contrast/ft"
	"contralens/torch"
)

// The loss of one query, first as in MoCo, then with an extrapolated positive. The
// extrapolation makes the positive score smaller, from 0.8 to 0.5, and the loss larger.
func ExampleInfoNCE() {
	torch.Scoped(func() {
		q := torch.FromFloat32([]float32{1, 0}, 1, 2).SetRequiresGrad(true)
		k := torch.FromFloat32([]float32{0.8, 0.6}, 1, 2)
		negatives := contrast.QueueNegatives{Rows: torch.FromFloat32([]float32{0, 1, -1, 0}, 2, 2)}
		for _, draw := range []contrast.Draw{{}, {Positive: &contrast.Lambda{Value: 1.5}}} {
			out := contrast.InfoNCE(q, k, negatives, draw, contrast.Options{Temperature: 1, Scores: true})
			out.Loss.Backward()
			fmt.Printf("positive %.1f, loss %.2f\n", out.Scores[contrast.Positive], out.Value)
		}
	})
	// Output:
	// positive 0.8, loss 0.48
	// positive 0.5, loss 0.50
}

// The queue keeps the newest keys. Index is the row that the next key overwrites.
func ExampleQueue() {
	torch.Scoped(func() {
		queue := contrast.NewQueue(3, 1, 0, torch.CPU)
		defer queue.Free()
		queue.Enqueue(torch.FromFloat32([]float32{1, 2}, 2, 1))
		queue.Enqueue(torch.FromFloat32([]float32{3, 4}, 2, 1))
		fmt.Println(queue.Keys.Float32s(), queue.Index)
	})
	// Output: [4 2 3] 1
}

// Each step draws its λ and π from the transformation of the run.
func ExampleStream() {
	stream := contrast.Stream{Seed: 1}
	torch.Scoped(func() {
		draw := stream.Next(ft.Paper(), 256, 65536, 128, torch.CPU)
		fmt.Println(draw.Positive.Value >= 1, draw.Negative.Value <= 1, draw.Permutation.Shape(), stream.Step)
	})
	// Output: true true [65536] 1
}
