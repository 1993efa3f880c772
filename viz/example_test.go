package viz_test

import (
	"fmt"
	"os"
	"path/filepath"

	"contralens/scores/record"
	"contralens/viz"
)

// The figures of one run, as PNG files for a paper.
func ExamplePlot() {
	dir, err := os.MkdirTemp("", "plot")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	run := filepath.Join(dir, "moco")
	if err := record.Generate(record.Dir(run), 300); err != nil {
		fmt.Println(err)
		return
	}
	options := viz.Options{Style: "paper", Formats: []string{"png"}}
	files, err := viz.Plot([]string{run}, filepath.Join(dir, "figures"), options)
	for _, f := range files {
		fmt.Println(filepath.Base(f))
	}
	fmt.Println(err)
	// Output:
	// scores.png
	// neg_mean.png
	// neg_var.png
	// pos_mean.png
	// pos_var.png
	// exp_neg.png
	// exp_pos.png
	// histograms_moco.png
	// <nil>
}
