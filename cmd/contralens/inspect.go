package main

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"contralens/checkpoint/weights"
	"contralens/cmd/internal/cli"
	"contralens/config"
	"contralens/torch"
)

func inspectCommand() *cobra.Command {
	c := config.Inspect{}
	cmd := &cobra.Command{
		Use:   "inspect FILE",
		Short: "Show what is in a checkpoint: network, epoch, options, tensors",
		Example: `  contralens inspect save/run/current.pth
  contralens inspect moco_v2_800ep_pretrain.pth.tar --tensors
  contralens inspect encoder.safetensors --json`,
	}
	given := cli.Bind(cmd, &c)
	cmd.Args = cli.Arguments(1, "one file", "inspect save/run/current.pth")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if _, _, err := given(); err != nil {
			return err
		}
		var i *weights.Inspection
		err := torch.Run(func() (err error) {
			i, err = weights.Inspect(args[0], c.From, c.Prefix)
			return err
		})
		if err != nil {
			return err
		}
		if i.Err != nil {
			i.Problem = cli.AsTyped(i.Err).Error()
		}
		if c.JSON {
			enc := json.NewEncoder(cli.Out)
			enc.SetIndent("", " ")
			return enc.Encode(i)
		}
		return i.Write(cli.Out, c.Tensors)
	}
	return cmd
}
