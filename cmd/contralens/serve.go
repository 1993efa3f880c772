package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"contralens/cmd/internal/cli"
	"contralens/config"
	"contralens/dashboard"
)

func serveCommand() *cobra.Command {
	var c config.Serve
	cmd := &cobra.Command{
		Use:   "serve [DIR]",
		Short: "Follow trainings in the browser",
		Long:  "Shows all runs under DIR (./save) in the browser, those in progress as they go. It only reads.",
		Example: `  contralens serve
  contralens serve experiments --address 9000
  # for other machines too: the address that is printed has a token
  contralens serve --address 0.0.0.0:8420`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return cli.Wrong(fmt.Errorf("serve: want one directory, got %q; put the runs under one", args))
			}
			return nil
		},
	}
	given := cli.Bind(cmd, &c)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if _, _, err := given(); err != nil {
			return err
		}
		dir := "./save"
		if len(args) == 1 {
			dir = args[0]
		}
		l, err := dashboard.Listen(c.Address)
		if err != nil {
			return cli.Wrong(fmt.Errorf("--address: %w", err))
		}
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		return dashboard.Serve(ctx, l, dashboard.Options{Dir: dir, Hosts: names(c.Host)}, func(address string) {
			fmt.Printf("dashboard of %s: %s\nCtrl-C ends it\n", dir, address)
		})
	}
	return cmd
}

func names(list string) []string {
	return strings.FieldsFunc(strings.ToLower(list), func(r rune) bool { return r == ',' || r == ' ' })
}

// serveFlag adds --serve [ADDRESS] to a training. The function it returns shows
// the runs under dir if it was given, in goroutines that touch no tensor, until
// stop is called.
func serveFlag(cmd *cobra.Command) func(dir string, args []string) (stop func(), err error) {
	address := cmd.Flags().String("serve", "", "show this run and those beside it in the browser meanwhile; "+
		"listens at 127.0.0.1:8420 or the next free port, or at the HOST:PORT that follows")
	cmd.Flags().Lookup("serve").NoOptDefVal = "auto"
	return func(dir string, args []string) (func(), error) {
		if !cmd.Flags().Changed("serve") {
			return func() {}, nil
		}
		at := *address
		if len(args) == 1 {
			at = args[0]
		} else if at == "auto" {
			at = ""
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("--serve: %w", err)
		}
		l, err := dashboard.Listen(at)
		if err != nil {
			return nil, cli.Wrong(fmt.Errorf("--serve: %w", err))
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() {
			done <- dashboard.Serve(ctx, l, dashboard.Options{Dir: dir}, func(address string) {
				fmt.Println("dashboard:", address)
			})
		}()
		return func() {
			cancel()
			if err := <-done; err != nil {
				fmt.Fprintln(os.Stderr, "note: the dashboard stopped:", err)
			}
		}, nil
	}
}

// serveAddress allows no arguments but the address after --serve.
func serveAddress(c *cobra.Command, args []string) error {
	if len(args) == 1 && c.Flags().Changed("serve") {
		return nil
	}
	return cli.NoArguments(c, args)
}
