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
		_, err = protocol.KNN(context.Background(), c, protocol.Options{Set: set, Notes: warnings, Reporter: r})
		return err
	}
	return cmd
}
