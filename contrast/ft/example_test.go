package ft_test

import (
	"fmt"

	"contralens/contrast/ft"
)

func Example() {
	t := ft.Paper()
	t.Negative.Elementwise = true
	fmt.Println(t)
	fmt.Println(ft.Transform{})
	// Output:
	// positives extrapolated with λ = 1 + Beta(2, 2), one λ per step; negatives interpolated with λ = Beta(1.6, 1.6), one λ per element
	// not transformed
}
