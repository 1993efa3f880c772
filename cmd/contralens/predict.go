package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/config"
	"contralens/data/codec"
	"contralens/data/sets"
	"contralens/data/store"
	"contralens/eval/protocol"
	"contralens/internal/humanize"
)

func predictCommand() *cobra.Command {
	c := config.DefaultPredict()
	cmd := &cobra.Command{
		Use:   "predict IMAGE...",
		Short: "Print the most probable classes of images",
		Example: `  contralens predict --ckpt save/run_linear/current.pth cat.jpg dog.jpg
  contralens predict --ckpt save/run_finetune/current.pth --top 1 --json photos/`,
		Args: cobra.ArbitraryArgs,
	}
	given := cli.Bind(cmd, &c)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if _, _, err := given(); err != nil {
			return err
		}
		if len(args) == 0 {
			return cli.Wrong(fmt.Errorf("predict: want images or folders of images, got none; "+
				"for example contralens predict --ckpt %s photo.jpg", c.Ckpt))
		}
		images, err := sets.Paths(context.Background(), store.Disk{}, args, &codec.Decoder{Note: printNote})
		if err != nil {
			return err
		}
		o := protocol.Options{Reporter: protocol.Reporter{Note: printNote}}
		return protocol.Predict(context.Background(), c, images, o, func(p protocol.Prediction) error {
			return printPrediction(p, c.JSON)
		})
	}
	return cmd
}

// printPrediction prints a prediction as JSON or as a line of text.
func printPrediction(p protocol.Prediction, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(cli.Out).Encode(p)
	}
	var words []string
	for _, a := range p.Classes {
		words = append(words, fmt.Sprintf("%s %.1f %%", humanize.Text(a.Class), 100*a.Probability))
	}
	fmt.Fprintf(cli.Out, "%s: %s\n", humanize.Text(p.Image), strings.Join(words, ", "))
	return nil
}
