package eval_test

import (
	"fmt"

	"contralens/eval"
	"contralens/torch"
)

// Two queries are classified by their nearest neighbors in a bank of four features.
func ExampleKNN() {
	err := torch.Run(func() error {
		torch.Scoped(func() {
			bank := torch.FromFloat32([]float32{1, 0, 0.9, 0.1, 0, 1, 0.1, 0.9}, 4, 2)
			queries := torch.FromFloat32([]float32{1, 0.2, 0.3, 1}, 2, 2)
			accuracy := eval.KNN(bank, []int64{0, 0, 1, 1}, queries, []int64{0, 1}, eval.Vote{K: 2, Temperature: 0.1}, 2)
			fmt.Printf("%.0f %%\n", accuracy)
		})
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// 100 %
}
