package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"contralens/data"
)

func dataCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "data", Short: "Look at, measure and pack images"}
	cmd.AddCommand(dataStatsCommand(), dataPackCommand(), dataShowCommand())
	return cmd
}

// counter shows on a terminal how many images of a part are done.
func counter() (show func(part string, done, total int), clear func()) {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return func(string, int, int) {}, func() {}
	}
	var last time.Time
	begin := time.Now()
	return func(part string, done, total int) {
		if time.Since(last) < 200*time.Millisecond {
			return
		}
		last = time.Now()
		fmt.Fprintf(os.Stderr, "\r\033[K%s: %d of %d images, %.0f a second", part, done, total, float64(done)/time.Since(begin).Seconds())
	}, func() { fmt.Fprint(os.Stderr, "\r\033[K") }
}

// openRaw opens the parts of a dataset without replacing unreadable images or
// caching any.
func openRaw(folder, name, imagenet100 string, limit int, note func(string)) (data.Parts, error) {
	p, err := data.OpenParts(data.Options{Name: name, Folder: folder, Imagenet100Path: imagenet100, Limit: limit, CacheBytes: -1, Note: note})
	if err != nil {
		// The folder is an argument here, not an option.
		return p, errors.New(strings.ReplaceAll(err.Error(), "--data_folder ", ""))
	}
	return p, nil
}
