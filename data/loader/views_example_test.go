package loader_test

import (
	"context"
	"fmt"
	"io"

	"contralens/data/datatest"
	"contralens/data/loader"
	"contralens/views"
)

// One epoch of batches for contrastive learning: two random crops of each image, with
// the augmentations of MoCo v2.
func ExampleNewViews() {
	crop, err := views.Preset("B", 32, 0.2)
	if err != nil {
		fmt.Println(err)
		return
	}
	l := loader.NewViews(context.Background(), loader.ViewOptions{
		Dataset:   datatest.Generated{N: 10, Bad: -1},
		Views:     []views.Spec{crop, crop},
		BatchSize: 4,
		Seed:      1,
		Epoch:     1,
		Shuffle:   true,
		DropLast:  true,
	})
	defer l.Close()
	for {
		b, err := l.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		s := b.Samples
		fmt.Println(b.N, "images,", len(s.Values), "views of", len(s.Values[0])/b.N, "values, labels", s.Labels)
		l.Recycle(b)
	}
	// Output:
	// 4 images, 2 views of 3072 values, labels [2 2 0 0]
	// 4 images, 2 views of 3072 values, labels [1 0 1 0]
}
