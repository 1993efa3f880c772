package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"contralens/data"
	"contralens/data/sets"
)

func dataCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "data", Short: "Show, measure and pack images"}
	cmd.AddCommand(dataStatsCommand(), dataPackCommand(), dataShowCommand())
	return cmd
}

// counter returns a function that shows on a terminal how many images of a split are done,
// and one that erases the line.
func counter() (show func(split string, done, total int), erase func()) {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return func(string, int, int) {}, func() {}
	}
	var last time.Time
	begin := time.Now()
	return func(split string, done, total int) {
		if time.Since(last) < 200*time.Millisecond {
			return
		}
		last = time.Now()
		rate := float64(done) / time.Since(begin).Seconds()
		fmt.Fprintf(os.Stderr, "\r\033[K%s: %d of %d images, %.0f per second", split, done, total, rate)
	}, func() { fmt.Fprint(os.Stderr, "\r\033[K") }
}

// openRaw opens the splits of a dataset without a cache and without replacing unreadable
// images.
func openRaw(ctx context.Context, o sets.Options) (data.Splits, error) {
	o.CacheBytes = -1
	p, err := sets.Open(ctx, o)
	var wrong *sets.OptionError
	if errors.As(err, &wrong) && wrong.Option == sets.Folder {
		// The folder is an argument here, not an option.
		return p, fmt.Errorf("%s: %w", wrong.Value, wrong.Err)
	}
	return p, err
}
