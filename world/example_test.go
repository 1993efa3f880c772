package world_test

import (
	"fmt"

	"contralens/world"
)

// Ten rows divided among four processes.
func ExampleWorld_Rows() {
	for rank := range 4 {
		fmt.Println(world.World{Rank: rank, Size: 4}.Rows(10))
	}
	// Output:
	// 0 2
	// 2 5
	// 5 7
	// 7 10
}
