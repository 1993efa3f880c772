package prefetch_test

import (
	"context"
	"fmt"
	"io"

	"contralens/data/datatest"
	"contralens/data/loader"
	"contralens/prefetch"
	"contralens/torch"
	"contralens/views"
)

// One epoch of two random crops of each image on a device. On torch.CUDA(0) the crops would
// be copied while the step before computes, and be bfloat16.
func ExampleNew() {
	crop, err := views.Preset("B", 32, 0.2)
	if err != nil {
		fmt.Println(err)
		return
	}
	err = torch.Run(func() error {
		l := prefetch.New(context.Background(), prefetch.Options{
			Device: torch.CPU, Dtype: torch.BFloat16, ViewOptions: loader.ViewOptions{
				Dataset: datatest.Generated{N: 10, Bad: -1}, Views: []views.Spec{crop, crop},
				BatchSize: 4, Shuffle: true, Epoch: 1,
			},
		})
		defer l.Close()
		for {
			b, err := l.Next()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			torch.Scoped(func() { fmt.Println(b.N, "images:", b.View(0), b.View(1)) })
			l.Recycle(b)
		}
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// 4 images: float32[4 3 32 32] float32[4 3 32 32]
	// 4 images: float32[4 3 32 32] float32[4 3 32 32]
	// 2 images: float32[2 3 32 32] float32[2 3 32 32]
}
