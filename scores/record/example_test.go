package record_test

import (
	"fmt"
	"os"

	"contralens/scores/record"
)

// A record with one series of three steps.
func ExampleWriter() {
	dir, err := os.MkdirTemp("", "record")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	w, err := record.NewWriter(dir, record.NewHeader([]string{"loss"}, nil), 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, loss := range []float32{4, 2, 1} {
		if err := w.Add(record.Step{Step: i + 1, Values: []float32{loss}}); err != nil {
			fmt.Println(err)
		}
	}
	if err := w.Close(); err != nil {
		fmt.Println(err)
	}
	r, err := record.Open(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	bins, err := r.Curve("loss", 1, 3, 100)
	for _, b := range bins {
		fmt.Println(b.Step, b.Mean)
	}
	fmt.Println(err)
	// Output:
	// 1 4
	// 2 2
	// 3 1
	// <nil>
}
