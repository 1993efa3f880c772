package methods_test

import (
	"fmt"
	"math"

	"contralens/contrast/ft"
	"contralens/internal/golden"
	"contralens/methods"
	"contralens/nn"
	"contralens/torch"
)

// Three steps of MoCo with the feature transformation of the paper, on four images. A
// training program does the same with batches of package data/loader; see package train
// for the whole loop.
func Example() {
	err := torch.Run(func() error {
		m, err := methods.NewModel(methods.Options{
			Net:         nn.Config{Arch: "resnet18", Width: 0.0625, Stem: "cifar", Head: "mlp", FeatDim: 16},
			Memory:      "moco",
			K:           64,
			Alpha:       0.99,
			Temperature: 0.2,
			Momentum:    0.9,
			WeightDecay: 1e-4,
			Transform:   ft.Paper(),
			Seed:        1,
		})
		if err != nil {
			return err
		}
		defer m.Free()
		const n, side = 4, 16
		view := func(seed uint64) *torch.Tensor {
			return torch.FromFloat32(golden.Input(seed, n*3*side*side), n, 3, side, side)
		}
		for step := range 3 {
			b := &methods.Batch{Images: []int64{0, 1, 2, 3}, Random: m.Random(step, true)}
			for range m.Method.Crops() {
				b.Crops = append(b.Crops, view(uint64(len(b.Crops))))
			}
			out, err := m.Step(b, 0.03)
			if err != nil {
				return err
			}
			fmt.Printf("step %d: %d negatives, a finite loss: %v, next row of the queue: %d\n",
				step+1, out.Negatives, !math.IsNaN(out.Value), *m.Method.State().Indices[0])
			for _, crop := range b.Crops {
				crop.Free()
			}
		}
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// step 1: 64 negatives, a finite loss: true, next row of the queue: 4
	// step 2: 64 negatives, a finite loss: true, next row of the queue: 8
	// step 3: 64 negatives, a finite loss: true, next row of the queue: 12
}
