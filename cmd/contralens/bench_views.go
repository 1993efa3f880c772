package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/config"
	"contralens/profile"
)

func benchViewsCommand() *cobra.Command {
	c := config.DefaultBenchViews()
	cmd := &cobra.Command{
		Use:   "views",
		Short: "Measure decoding and augmentation, with another program for comparison",
		Args:  cli.NoArguments,
		Example: `  contralens bench views --data_folder photos
  contralens bench views --data_folder photos --pipelines A,B,NULL \
    --peer bench/peer/views.py
  contralens bench views --data_folder cifar10 --input_res 32 --pipelines B -j 1`,
	}
	given := cli.Bind(cmd, &c)
	cmd.RunE = func(*cobra.Command, []string) error {
		if _, _, err := given(); err != nil {
			return err
		}
		return benchViews(&c)
	}
	return cmd
}

func benchViews(c *config.BenchViews) error {
	all, err := profile.Pipelines(c)
	if err != nil {
		return cli.Wrong(err)
	}
	var peer profile.Peer
	if c.Peer != "" {
		program := profile.ProgramPeer(c.Peer, c.DataFolder)
		peer = func(pipeline string, views, size int, seconds float64) (float64, error) {
			rate, err := program(pipeline, views, size, seconds)
			if err != nil {
				err = fmt.Errorf("--peer %w", err)
			}
			return rate, err
		}
	}
	if err := profile.MeasureViews(c, all, peer); err != nil {
		return err
	}
	if !c.JSON {
		profile.PrintViews(cli.Out, all, c.Peer != "")
		return nil
	}
	for _, v := range all {
		if err := json.NewEncoder(cli.Out).Encode(v); err != nil {
			return err
		}
	}
	return nil
}
