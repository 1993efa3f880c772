package torch_test

import (
	"fmt"

	"contralens/torch"
)

// Tensors made inside Scoped are freed at its end, except for the result of Scoped1
// and those that are kept.
func ExampleScoped() {
	var kept *torch.Tensor
	torch.Scoped(func() {
		x := torch.Ones([]int{2, 3})
		kept = torch.Scoped1(func() *torch.Tensor { return x.Square().Sum() }).Keep()
	})
	fmt.Println(kept.Item(), kept.Freed())
	kept.Free()
	// Output: 6 false
}

// The cube x³, with its derivative 3x² written by hand.
func ExampleCustomGrad() {
	torch.Scoped(func() {
		x := torch.Scalar(2).SetRequiresGrad(true)
		var cube, derivative *torch.Tensor
		torch.NoGrad(func() {
			cube, derivative = x.Pow(3), x.Square().MulScalar(3)
		})
		y := torch.CustomGrad(cube, []*torch.Tensor{x}, []*torch.Tensor{derivative})
		y.Backward()
		fmt.Println(y.Item(), x.Grad().Item())
	})
	// Output: 8 12
}

// An operator that is given wrong shapes panics. Run returns that as an error.
func ExampleError() {
	err := torch.Run(func() error {
		torch.Scoped(func() { torch.FromFloat32([]float32{1, 2}, 3) })
		return nil
	})
	fmt.Println(err)
	// Output: from data: shape [3] wants 3 values, got 2
}
