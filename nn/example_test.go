package nn_test

import (
	"fmt"

	"contralens/nn"
	"contralens/torch"
)

// A ResNet-18 for small images, with MoCo v2's head: its embeddings, and the feature
// maps of its stages.
func Example() {
	err := torch.Run(func() error {
		m, err := nn.New(nn.Config{Arch: "resnet18", Stem: "cifar", Head: "mlp", FeatDim: 128}, 1)
		if err != nil {
			return err
		}
		defer m.Free()
		torch.NoGrad(func() {
			torch.Scoped(func() {
				images := torch.Zeros([]int{2, 3, 32, 32})
				fmt.Println("embeddings", m.Forward(images).Shape())
				fmt.Println("features", m.Features(images).Shape())
				for i, y := range m.Stages(images) {
					fmt.Println("stage", i, y.Shape())
				}
			})
		})
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// embeddings [2 128]
	// features [2 512]
	// stage 0 [2 64 32 32]
	// stage 1 [2 64 32 32]
	// stage 2 [2 128 16 16]
	// stage 3 [2 256 8 8]
	// stage 4 [2 512 4 4]
}
