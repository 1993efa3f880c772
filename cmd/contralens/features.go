package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"contralens/checkpoint"
	"contralens/config"
	"contralens/data"
	"contralens/eval"
	"contralens/features"
	"contralens/nn"
	"contralens/setup"
	"contralens/train"
)

func featuresCommand() *cobra.Command {
	c := config.DefaultFeatures()
	cmd := &cobra.Command{
		Use:   "features DIR",
		Short: "Write an encoder's embeddings of all images below a folder, to use elsewhere",
		Example: `  contralens features photos --ckpt save/run/current.pth -o photos.parquet
  contralens features photos --ckpt resnet50-imagenet.pth -o photos.npy     # and photos.txt with the paths
  # Ctrl-C stops it (exit code 75); the same command goes on`,
	}
	given := bind(cmd, &c)
	cmd.Args = arguments(1, "a folder of images", "features photos --ckpt save/run/current.pth -o photos.parquet")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		set, _, err := given()
		if err != nil {
			return err
		}
		if c.Out == "" || c.Ckpt == "" {
			return usageError{errors.New("features: want --ckpt with an encoder and -o with a file to write")}
		}
		return setup.Compute(c.Threads, func() error { return extractFeatures(&c, set, args[0]) })
	}
	return cmd
}

// loadEncoder is the encoder that the options name, with the side of its views
// and what its features depend on.
func loadEncoder(c config.Encoder, set map[string]bool) (m *nn.Model, o eval.Options, about map[string]string, err error) {
	s := c.Shared()
	e, notes, err := setup.LoadEncoder(c.Ckpt, &s, set, c.UseEMA)
	if err != nil {
		return nil, o, nil, err
	}
	for _, n := range notes {
		printNote(n)
	}
	sum, err := checkpoint.SHA256(c.Ckpt)
	if err != nil {
		e.Model.Free()
		return nil, o, nil, err
	}
	about = map[string]string{
		"checkpoint": absolute(c.Ckpt), "checkpoint_sha256": sum, "input_res": strconv.Itoa(s.InputRes), "use_ema": strconv.FormatBool(c.UseEMA), "amp": strconv.FormatBool(c.Amp),
	}
	return e.Model, eval.Options{Size: s.InputRes, Batch: c.BatchSize, Workers: c.Workers, BF16: c.Amp}, about, nil
}

func extractFeatures(c *config.Features, set map[string]bool, dir string) error {
	d, err := data.Images(dir, printNote)
	if err != nil {
		return err
	}
	m, o, about, err := loadEncoder(c.Encoder, set)
	if err != nil {
		return err
	}
	defer m.Free()
	if term.IsTerminal(int(os.Stderr.Fd())) {
		o.Progress = func(done, total int) { fmt.Fprintf(os.Stderr, "\r\033[K%d of %d images", done, total) }
		defer fmt.Fprint(os.Stderr, "\r\033[K")
	}
	ctx, done := interruptible(printNote)
	defer done()
	bad, err := features.Extract(ctx, m, d, o, features.Job{
		Out: c.Out, Root: dir, Meta: about, Fresh: c.Fresh, Note: func(format string, args ...any) { printNote(fmt.Sprintf(format, args...)) },
	})
	if errors.Is(err, features.ErrStopped) {
		printNote("what is done is kept; the same command goes on")
		return train.ErrStopped
	}
	if err != nil {
		return err
	}
	fmt.Printf("%d images, %d features each: %s\n", d.Len(), m.FeatureDim(), c.Out)
	if bad > 0 {
		printNote(fmt.Sprintf("%d images could not be read: their features are NaN", bad))
	}
	return nil
}
