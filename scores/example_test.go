package scores_test

import (
	"fmt"
	"os"

	"contralens/scores"
	"contralens/scores/record"
)

// The loss of a run of 1,000 steps, in four bins.
func ExampleOpen() {
	run, err := os.MkdirTemp("", "run")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(run)
	if err := record.Generate(record.Dir(run), 1000); err != nil {
		fmt.Println(err)
		return
	}
	source, err := scores.Open(run)
	if err != nil {
		fmt.Println(err)
		return
	}
	first, last := source.Range()
	bins, err := source.Curve("loss", first, last, 4)
	for _, b := range bins {
		fmt.Printf("%d steps from step %d on\n", b.N, b.Step)
	}
	fmt.Println(err)
	// Output:
	// 256 steps from step 1 on
	// 256 steps from step 257 on
	// 256 steps from step 513 on
	// 232 steps from step 769 on
	// <nil>
}
