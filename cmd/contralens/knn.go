package main

import (
	"context"

	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/config"
	"contralens/eval/protocol"
)

func knnCommand() *cobra.Command {
	c := config.DefaultKNN()
	cmd := &cobra.Command{
		Use:   "knn",
		Short: "Evaluate an encoder's features by k-nearest-neighbor classification",
		Args:  cli.NoArguments,
		Example: `  contralens knn --ckpt save/run/current.pth --data_folder photos
  # an untrained network, for comparison
  contralens knn --dataset fashion-mnist --arch resnet18 --width 0.25 \
    --stem cifar --input_res 28`,
	}
	given := cli.Bind(cmd, &c)
	cmd.RunE = func(*cobra.Command, []string) error {
		set, warnings, err := given()
		if err != nil {
			return err
		}
		r := reporter(cli.Out)
		if c.JSON {
			r.Line, r.Result = nil, printJSON
		}
		var p started
		if ended, err := p.join(&c.Dist, nil); ended || err != nil {
			return err
		}
		ctx := context.Background()
		if !p.launch.Alone() { // one that a signal ended at once would look lost to the others
			var done func()
			ctx, done = interruptible(printNote)
			defer done()
		}
		_, err = protocol.KNN(ctx, c, protocol.Options{
			Set: set, Notes: append(warnings, p.launch.Notes...), Reporter: r, Launch: p.launch, Timing: p.timing,
		})
		return err
	}
	return cmd
}
