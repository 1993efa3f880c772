package autotune_test

import (
	"fmt"

	"contralens/autotune"
)

// Choosing among trials as Measure returns them, preferred settings first. A setting
// must be clearly faster to replace a preferred one.
func ExampleBest() {
	trials := []autotune.Trial{
		{Setting: autotune.Setting{Precision: "fp32", Format: "channels_last"}, Rate: 100},
		{Setting: autotune.Setting{Precision: "fp32", Format: "contiguous"}, Rate: 101},
		{Setting: autotune.Setting{Precision: "bf16", Format: "channels_last"}, Rate: 180},
	}
	best := autotune.Best(trials)
	fmt.Println(autotune.Describe(best, trials))
	// Output:
	// computing in bf16 channels_last: 180 images/s forward and backward (fp32 channels_last 100, fp32 contiguous 101); --precision and --memory_format choose otherwise
}
