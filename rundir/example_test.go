package rundir_test

import (
	"fmt"
	"io/fs"
	"os"

	"contralens/rundir"
)

// Writing a metric and a result of a run, and reading them again.
func Example() {
	dir, err := os.MkdirTemp("", "run")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	step, loss := 10.0, 6.5
	if err := rundir.AddMetrics(dir, rundir.Metrics{Epoch: 1, Step: &step, Loss: &loss}); err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range rundir.LastMetrics(os.DirFS(dir).(fs.StatFS)) {
		fmt.Printf("step %.0f of epoch %.0f: loss %.1f\n", *m.Step, m.Epoch, *m.Loss)
	}
	r := rundir.NewResult("knn", "cifar10", map[string]any{"top1": 71.5}, 0)
	if err := r.Append(dir); err != nil {
		fmt.Println(err)
		return
	}
	all, err := rundir.ReadResults(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range all {
		fmt.Println(r.Protocol, "on", r.Dataset, r.Metrics["top1"], "%")
	}
	// Output:
	// step 10 of epoch 1: loss 6.5
	// knn on cifar10 71.5 %
}
