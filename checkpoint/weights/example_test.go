package weights_test

import (
	"context"
	"fmt"

	"contralens/checkpoint/weights"
	"contralens/data/sets"
	"contralens/data/store"
	"contralens/features"
	"contralens/torch"
)

// The features of a photo, computed by the encoder of a checkpoint of any origin.
func Example() {
	err := torch.Run(func() error {
		model, err := weights.Model("testdata/tiny.safetensors")
		if err != nil {
			return err
		}
		defer model.Free()
		photo, err := sets.ReadImage(context.Background(), store.Disk{}, "../../testdata/golden/augment/images/img0.jpg", nil)
		if err != nil {
			return err
		}
		features, err := features.Embed(model, photo, features.Options{Size: 32})
		if err != nil {
			return err
		}
		fmt.Printf("%s: %d features, the first is %.2f\n", model.Config.Arch, len(features), features[0])
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output: resnet18: 16 features, the first is 1.06
}
