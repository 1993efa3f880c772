package events_test

import (
	"fmt"
	"os"
	"path/filepath"

	"contralens/events"
)

// A curve for TensorBoard, which reads the folder.
func Example() {
	dir, err := os.MkdirTemp("", "events")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	w, err := events.NewWriter(dir, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, loss := range []float64{4, 2, 1} {
		if err := w.Scalar("loss", i+1, loss); err != nil {
			fmt.Println(err)
		}
	}
	if err := w.Close(); err != nil {
		fmt.Println(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "events.out.tfevents.*"))
	fmt.Println(len(files), err)
	// Output: 1 <nil>
}
