package sets_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"

	"contralens/data"
	"contralens/data/sets"
	"contralens/data/store"
	"contralens/views"
)

// A folder with one subfolder per class, opened and decoded. The store is in memory here;
// without one, Open reads from the disk.
func ExampleOpen() {
	var file bytes.Buffer
	if err := png.Encode(&file, image.NewGray(image.Rect(0, 0, 32, 24))); err != nil {
		fmt.Println(err)
		return
	}
	files := store.Memory{"pets/cat/1.png": file.Bytes(), "pets/cat/2.png": file.Bytes(), "pets/dog/1.png": file.Bytes()}
	ctx := context.Background()
	splits, err := sets.Open(ctx, sets.Options{Name: "folder", Folder: "pets", Store: files})
	if err != nil {
		fmt.Println(err)
		return
	}
	d := splits.Train
	fmt.Println(d.Len(), "images of", d.Classes(), "per class:", data.ClassCounts(d))
	var img views.Image
	if err := d.Image(ctx, 2, &img); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.Path(2), "is", img.W, "x", img.H, "of class", d.Classes()[d.Label(2)])
	// Output:
	// 3 images of [cat dog] per class: [2 1]
	// pets/dog/1.png is 32 x 24 of class dog
}
