package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"contralens/cmd/internal/cli"
	"contralens/config"
	"contralens/dashboard"
	"contralens/setup"
)

func serveCommand() *cobra.Command {
	var c config.Serve
	cmd := &cobra.Command{
		Use:   "serve [DIR]",
		Short: "Show trainings in the browser, live",
		Long: `Show all runs in DIR (./save) in the browser, with live updates. It changes no files
except the notes that you write on the page.`,
		Example: `  contralens serve
  contralens serve experiments --address 9000
  # also for other machines; the printed address contains a token
  contralens serve --address 0.0.0.0:8420`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return cli.Wrong(fmt.Errorf("serve: want one directory, got %q; move the runs into one", args))
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
		return dashboard.Serve(ctx, l, dashboard.Options{
			Dir: dir, Hosts: names(c.Host), Replay: replay,
			LastWords: fmt.Sprintf("The dashboard was stopped. contralens serve %s starts it again.", dir),
		}, func(address string) {
			fmt.Fprintf(cli.Out, "dashboard of %s: %s\nCtrl-C stops it\n", dir, address)
		})
	}
	return cmd
}

// replay opens the images behind the scores of a run.
func replay(ctx context.Context, options map[string]string) (dashboard.Replayer, error) {
	return setup.NewReplay(ctx, options)
}

func names(list string) []string {
	return strings.FieldsFunc(strings.ToLower(list), func(r rune) bool { return r == ',' || r == ' ' })
}

// serving is the dashboard beside a training, which --serve [ADDRESS] asks for.
type serving struct {
	flags    *pflag.FlagSet
	listener net.Listener         // nil without --serve
	opened   func(address string) // unless nil, receives the address of the page
}

// serveFlag adds --serve to a training.
func serveFlag(cmd *cobra.Command) *serving {
	cmd.Flags().String("serve", "", "serve the dashboard during the training; "+
		"listens on 127.0.0.1:8420 or the next free port, or on the HOST:PORT that follows")
	cmd.Flags().Lookup("serve").NoOptDefVal = "auto"
	return &serving{flags: cmd.Flags()}
}

// Listen takes the address, if --serve was given.
func (s *serving) Listen(args []string) (err error) {
	if !s.flags.Changed("serve") {
		return nil
	}
	at, err := s.flags.GetString("serve")
	if len(args) == 1 {
		at = args[0]
	} else if at == "auto" {
		at = ""
	}
	if err == nil {
		s.listener, err = dashboard.Listen(at)
	}
	if err != nil {
		return cli.Wrong(fmt.Errorf("--serve: %w", err))
	}
	return nil
}

// Close gives the address back if nothing is served.
func (s *serving) Close() {
	if s.listener != nil {
		s.listener.Close()
		s.listener = nil
	}
}

// Serve serves the runs in dir until stop is called. Its goroutines use no tensors.
func (s *serving) Serve(dir string) (stop func(), err error) {
	if s.listener == nil {
		return func() {}, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("--serve: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- dashboard.Serve(ctx, s.listener, dashboard.Options{
			Dir: dir, Replay: replay,
			LastWords: fmt.Sprintf("The training has ended. contralens serve %s shows its runs again.", dir),
		}, func(address string) {
			fmt.Fprintln(cli.Out, "dashboard:", address)
			if s.opened != nil {
				s.opened(address)
			}
		})
	}()
	return func() {
		cancel()
		if err := <-done; err != nil {
			fmt.Fprintln(os.Stderr, "note: the dashboard stopped:", err)
		}
	}, nil
}

// Linger keeps the dashboard after a training until Enter or Ctrl-C, if somebody sits at a
// terminal. say prints a line.
func (s *serving) Linger(say func(format string, args ...any)) {
	if s.listener == nil || !term.IsTerminal(int(os.Stdout.Fd())) {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		say("the dashboard stays open until Ctrl-C")
		<-ctx.Done()
		return
	}
	say("the dashboard stays open until Enter or Ctrl-C")
	select {
	case <-ctx.Done():
	case <-entered():
	}
}

// entered returns a channel that is closed when the user presses Enter.
func entered() <-chan struct{} {
	// In the background, reading from the terminal shall fail and not stop the program.
	signal.Ignore(syscall.SIGTTIN)
	pressed := make(chan struct{})
	go func() {
		if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err == nil {
			close(pressed)
		}
	}()
	return pressed
}

// serveAddress accepts no arguments except the address after --serve.
func serveAddress(c *cobra.Command, args []string) error {
	if len(args) == 1 && c.Flags().Changed("serve") {
		return nil
	}
	return cli.NoArguments(c, args)
}
