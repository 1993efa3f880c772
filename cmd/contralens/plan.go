package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/config"
	"contralens/data/store"
	"contralens/plan"
	"contralens/viz"
)

func planCommand() *cobra.Command {
	c := config.DefaultPlan()
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Estimate what a training on many GPUs takes: time, traffic, memory, failures, money",
		Long: `Estimate what a pre-training on many GPUs takes: the time of a step and its parts,
traffic, memory, processors that load images, how often to save, failures and money.
docs/scale.md has the model and where scaling ends.

It measures nothing. Speeds of GPUs are those of a table, or of bench step on such a
GPU with --measured. What is an estimate is said.`,
		Args: cli.NoArguments,
		Example: `  contralens plan --gpus 64 --images 1e9 --epochs 1
  contralens plan --gpus 256 --node h100 --images_per_gpu 16 -o scaling.png
  # with the speed of a GPU at hand
  contralens bench step --batch_size 32 --precision bf16 --json > step.json
  contralens plan --gpus 32 --measured step.json --price 2.5`,
	}
	given := cli.Bind(cmd, &c)
	cmd.RunE = func(*cobra.Command, []string) error {
		if _, _, err := given(); err != nil {
			return err
		}
		return estimate(&c)
	}
	return cmd
}

// estimate prints the plan of a training, and draws its curves if wanted.
func estimate(c *config.Plan) error {
	o, err := planned(c)
	if err != nil {
		return err
	}
	r, err := plan.Estimate(o)
	if err != nil {
		return err
	}
	grown, err := plan.Curve(o, max(1024, o.GPUs), 0)
	if err != nil {
		return err
	}
	fixed, err := plan.Curve(o, max(1024, o.GPUs), plan.SGDBatch)
	if err != nil {
		return err
	}
	if c.Out != "" {
		if err := drawPlan(c.Out, o, grown, fixed); err != nil {
			return err
		}
	}
	if c.JSON {
		return json.NewEncoder(cli.Out).Encode(map[string]any{
			"options": config.Values(c), "result": r, "notes": append([]string{}, r.Notes(o)...),
			"estimates": plan.Estimates(o), "by_gpus": grown, "by_gpus_at_batch_4096": fixed,
		})
	}
	r.Print(cli.Out, o)
	if c.Out != "" {
		fmt.Fprintf(cli.Out, "picture: %s\n", c.Out)
	}
	return nil
}

// planned returns the options of an estimate.
func planned(c *config.Plan) (plan.Options, error) {
	gpu := plan.GPUs[c.Node]
	o := plan.Options{
		GPUs: c.GPUs, PerNode: c.PerNode, GPU: gpu, NetworkGbps: c.Network,
		Arch: plan.Archs[c.Arch], InputRes: c.InputRes,
		PerGPU: c.PerGPU, K: c.K, FeatDim: c.FeatDim, Bank: c.Memory == "bank", Transform: c.FT != "none",
		Shuffle: plan.Shuffle(c.ShuffleBN), Images: c.Images, Epochs: c.Epochs, ImageBytes: 1e3 * c.ImageKB,
		PerCore:  c.PerCore,
		GPUHours: c.MTBF, Restart: 90 * time.Second, GPUPrice: c.Price,
	}
	if c.Network == 0 {
		o.NetworkGbps = gpu.Network
	}
	if c.Price == 0 {
		o.GPUPrice = gpu.Price
	}
	if c.BatchSize > 0 {
		o.PerGPU = c.BatchSize / c.GPUs
	}
	if c.Memory == "batch" {
		o.K = 0
	}
	if c.Measured == "" {
		return o, nil
	}
	f, err := os.Open(c.Measured)
	if err != nil {
		return o, &config.ValueError{Option: "measured", Want: "a file", Got: c.Measured, Hint: store.Cause(err).Error()}
	}
	defer f.Close()
	if err := o.Measure(f); err != nil {
		return o, fmt.Errorf("%s: %w", c.Measured, err)
	}
	return o, nil
}

// drawPlan draws speed and cost by the number of GPUs.
func drawPlan(out string, o plan.Options, grown, fixed []plan.Result) error {
	curve := func(label string, faint bool, all []plan.Result, of func(plan.Result) float64) viz.Scaling {
		s := viz.Scaling{Label: label, Faint: faint}
		for _, r := range all {
			s.GPUs, s.Values = append(s.GPUs, r.GPUs), append(s.Values, of(r))
		}
		return s
	}
	speed := func(r plan.Result) float64 { return r.ImagesPerSecond }
	ideal := func(r plan.Result) float64 { return r.ImagesPerSecond / r.Efficiency }
	dollars := func(r plan.Result) float64 { return r.Money.GPUs }
	grow, fix := fmt.Sprintf("%d images a GPU", o.PerGPU), fmt.Sprintf("a batch of at most %d", plan.SGDBatch)
	return viz.WriteScaling(out, fmt.Sprintf("%s, %s, %g Gb/s", o.Arch.Name, o.GPU.Name, o.NetworkGbps),
		[]viz.Scaling{
			curve(grow, false, grown, speed), curve(fix, false, fixed, speed), curve("ideal", true, grown, ideal),
		},
		[]viz.Scaling{curve(grow, false, grown, dollars), curve(fix, false, fixed, dollars)})
}
