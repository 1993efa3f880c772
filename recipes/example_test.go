package recipes_test

import (
	"fmt"
	"slices"
	"strings"

	"contralens/recipes"
)

func Example() {
	fmt.Println(slices.Contains(recipes.Names(), "cifar10-ft"))
	yaml, ok := recipes.Get("cifar10-ft")
	fmt.Println(ok, strings.Contains(string(yaml), "method: MoCov2"))
	// Output:
	// true
	// true true
}
