package protocol

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"

	"contralens/checkpoint"
	"contralens/detect"
	"contralens/detect/rcnn"
	detectors "contralens/detect/train"
	"contralens/dist"
	"contralens/internal/humanize"
	"contralens/peers/join"
	"contralens/setup"
)

// smallBatch is the number of images below which batch norm has too few to learn from.
const smallBatch = 4

// noteNorms tells whose images share the statistics of norms in training, and whether they are few.
func (t *training) noteNorms() {
	size := t.world.Size
	switch {
	case t.world.Alone() && t.c.SyncBN:
		t.note("one process: --sync_bn changes nothing")
	case t.world.Alone() || len(t.model.Statistics()) == 0:
	case t.c.SyncBN:
		t.note("%d processes: they normalize a batch together, as one process does", size)
	default:
		t.note("%d processes: each normalizes its own images; with --sync_bn they normalize a batch together", size)
	}
	images, enough := t.c.BatchSize, smallBatch
	if !t.world.Alone() && !t.c.SyncBN {
		images, enough = images/size, enough*size
	}
	if t.c.Norm == "bn" && images < smallBatch {
		t.note("batch norm learns its statistics from %s at a time, which makes training noisy; give --batch_size %d or "+
			"more, or --norm frozen --freeze_at 2 with a lower --learning_rate", humanize.Count(images, "image"), enough)
	}
}

// meet opens the store in which several processes meet.
func (t *training) meet(ctx context.Context) (err error) {
	if t.world.Alone() {
		return nil
	}
	if t.met, err = join.Meet(ctx, t.Launch, t.Timing, setup.Note); err == nil && t.Met != nil {
		t.Met(t.met.Fail)
	}
	return err
}

// join joins the other processes of the launch, and gives them to the run. Those that would train
// something else together are found here, before anything is written.
func (t *training) join(ctx context.Context, r *detectors.Run) error {
	if t.world.Alone() {
		return nil
	}
	hello, err := t.hello(r)
	if err != nil {
		return err
	}
	j, err := t.met.Join(ctx, hello, t.model.Device(), dist.Hooks{
		Note: t.Note, Advice: advice(r), Lost: t.failed,
	})
	if err != nil {
		return err
	}
	t.joined = j
	group, ok := j.Group.(rcnn.Group)
	if !ok {
		return errors.New("sync_bn: want a group that synchronizes batch norm, got one that does not")
	}
	r.Peers, r.Together = j.Peers, t.c.SyncBN
	t.model.Join(group, t.c.SyncBN)
	return nil
}

// advice says how to go on after a failure.
func advice(r *detectors.Run) func() string {
	return func() string {
		said, saved := r.LastGood()
		if saved {
			said += ": the same command with --resume auto goes on"
		}
		return said
	}
}

// leave ends the connection with the other processes after a training that returned err.
func (t *training) leave(err error) error {
	if t.joined == nil {
		t.met.Fail(err)
		return err
	}
	return t.joined.End(errors.Is(err, ErrStopped), err)
}

// hello is what this process tells the others before the first step.
func (t *training) hello(r *detectors.Run) (h dist.Hello, err error) {
	h = join.Hello(filepath.Base(r.Dir), t.c)
	h.Device, h.Folder, h.Images = t.model.Device().String(), t.c.DataFolder, len(t.train.Images)
	h.Names = namesOf(t.train, t.c.DataFolder)
	if t.encoder != nil {
		h.Weights = t.encoder.record.SHA256
	}
	if path := r.Saved(); path != "" {
		h.Weights, err = checkpoint.SHA256(path)
	}
	return h, err
}

// namesOf returns a hash of the images of a set below its folder, and of their sizes and objects.
func namesOf(set *detect.Set, folder string) string {
	sum := sha256.New()
	fmt.Fprintln(sum, set.Classes)
	for _, m := range set.Images {
		name := m.Path
		if below, err := filepath.Rel(folder, name); err == nil {
			name = below
		}
		fmt.Fprintln(sum, name, m.Width, m.Height, len(m.Objects))
	}
	return fmt.Sprintf("%x", sum.Sum(nil)[:8])
}
