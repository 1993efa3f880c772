package optim_test

import (
	"fmt"

	"contralens/optim"
	"contralens/torch"
)

// Three steps on the loss x²/2, whose gradient is x.
func Example() {
	torch.Scoped(func() {
		x := torch.Scalar(1).SetRequiresGrad(true)
		sgd := optim.NewSGD([]*torch.Tensor{x}, 0, 0)
		defer sgd.Free()
		schedule := optim.Schedule{Rate: 0.5, Epochs: 3, DecayRate: 0.1, Milestones: []int{2}}
		for epoch := 1; epoch <= 3; epoch++ {
			x.Square().DivScalar(2).Backward()
			sgd.Step(schedule.Epoch(epoch))
			fmt.Printf("%.4f\n", x.Item())
		}
	})
	// Output:
	// 0.5000
	// 0.2500
	// 0.2375
}
