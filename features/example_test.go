package features_test

import (
	"fmt"

	"contralens/data/datatest"
	"contralens/features"
	"contralens/nn"
	"contralens/torch"
)

// The features of a dataset, from a network with random weights. setup.LoadEncoder loads
// the encoder of a checkpoint instead.
func ExampleCompute() {
	err := torch.Run(func() error {
		m, err := nn.New(nn.Config{Arch: "resnet18", Width: 0.0625, Stem: "cifar"}, 1)
		if err != nil {
			return err
		}
		defer m.Free()
		images := datatest.Generated{N: 5, Bad: -1}
		x, labels, err := features.Compute(m, images, features.Options{Size: 32})
		if err != nil {
			return err
		}
		defer x.Free()
		fmt.Println("features", x.Shape(), "labels", labels)
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// features [5 32] labels [0 1 2 0 1]
}
