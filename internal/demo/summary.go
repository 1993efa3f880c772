package demo

import (
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"contralens/internal/humanize"
	"contralens/rundir"
)

// knn are the k-NN accuracies of a training in percent.
type knn struct {
	Untrained, Trained float64
	Epoch              int // after which Trained is; 0 until the training is done
}

func (k knn) done() bool { return k.Epoch > 0 }

// readKNN reads the accuracies of a run directory. Without a run, they are zero.
func readKNN(dir string) (k knn, err error) {
	results, err := rundir.ReadResults(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	for _, r := range results {
		top1, ok := r.Metrics["top1"].(float64)
		switch {
		case r.Protocol != "knn" || !ok:
		case r.Epoch == 0:
			k.Untrained = top1
		default:
			k.Trained, k.Epoch = top1, r.Epoch
		}
	}
	return k, err
}

// summary prints what the demo found, and what to do next.
func (d *Demo) summary(p Plan) error {
	plain, err := readKNN(d.path(plainRun))
	if err != nil {
		return err
	}
	ft, err := readKNN(d.path(ftRun))
	if err != nil {
		return err
	}
	d.Print("\nk-NN accuracy on %d test images (200 neighbors among the %d training images)\n", p.Tests, p.Images)
	for _, row := range []struct {
		what string
		top1 float64
	}{
		{"untrained network", plain.Untrained},
		{plainLegend + ", " + humanize.Count(plain.Epoch, "epoch"), plain.Trained},
		{ftLegend + ", " + humanize.Count(ft.Epoch, "epoch"), ft.Trained},
	} {
		d.Print("  %-30s %6.2f %%", row.what, row.top1)
	}
	out := d.config.Out
	d.Print(`
figures:  %[1]s: the scores of both trainings, and more beside it
weights:  %[2]s, %[3]s (PyTorch reads them)
scores:   %[4]s, of every step

What this shows: features learned without labels, and what the transformation does to the
scores: it makes positives harder and negatives more diverse. What it does not show: the
gains of the paper, which need hundreds of epochs on ImageNet. In minutes of training on
small gray images, the plain method is better about as often.

Next: look at both runs in the browser, then train on your own photos, with or without
class folders:
  %[5]s serve %[6]s
  %[5]s contrast --data_folder YOUR/PHOTOS --serve
  %[5]s contrast --help

all of it took %[7]s`,
		filepath.Join(out, figuresDir, scoresPage),
		filepath.Join(out, plainRun, rundir.CurrentFile), filepath.Join(out, ftRun, rundir.CurrentFile),
		filepath.Join(out, "*", rundir.MetricsFile), d.options.Program, out, humanize.Duration(time.Since(d.begin)))
	return nil
}
