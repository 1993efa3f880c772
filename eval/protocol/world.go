package protocol

import (
	"context"
	"errors"
	"path/filepath"

	"contralens/checkpoint"
	"contralens/config"
	"contralens/data"
	"contralens/dist"
	"contralens/eval/classify"
	"contralens/nn/layers"
	"contralens/peers"
	"contralens/peers/join"
	"contralens/setup"
	"contralens/torch"
)

// company are the other processes of an evaluation, and its context's end.
type company struct {
	met    *join.Meeting // where they meet; nil in one process
	joined *join.Joined  // nil: none, or none yet
	stop   func()
}

// peers are those who share the work; nil in one process.
func (c *company) peers() *peers.Peers {
	if c == nil || c.joined == nil {
		return nil
	}
	return c.joined.Peers
}

// meetOthers opens the store in which several processes meet, before anything that one of them may find
// wrong.
func (o *Options) meetOthers(ctx context.Context) (err error) {
	if o.Launch.World().Alone() {
		return nil
	}
	if o.company.met, err = join.Meet(ctx, o.Launch, o.Timing, setup.Note); err == nil && o.Met != nil {
		o.Met(o.company.met.Fail)
	}
	return err
}

// join joins the other processes of the launch. Those that would evaluate something else together
// are found here, before anything is written. c points to the configuration; advice says after a
// failure how to go on.
// lost, which may be nil, is told why the evaluation ends because of another process.
func (o *Options) join(
	ctx context.Context, h dist.Hello, device torch.Device, advice string, lost func(error),
) error {
	if o.Launch.World().Alone() {
		return nil
	}
	h.Device = device.String()
	j, err := o.company.met.Join(ctx, h, device, dist.Hooks{
		Note: o.Note, Advice: func() string { return advice }, Lost: lost,
	})
	if err != nil {
		return err
	}
	o.company.joined, j.Stop = j, o.company.stop
	return nil
}

// leave ends the connection with the other processes after an evaluation that returned err.
func (o *Options) leave(err error) error {
	if o.company.joined == nil {
		o.company.met.Fail(err)
		return err
	}
	return o.company.joined.End(errors.Is(err, ErrStopped), err)
}

// seen adds to a greeting which images and weights this process sees.
func seen(h *dist.Hello, folder, checkpointSHA256 string, sets ...data.Dataset) {
	h.Folder, h.Weights = folder, checkpointSHA256
	for _, d := range sets {
		if d != nil {
			h.Images += d.Len()
			h.Names += join.NamesOf(d, folder)
		}
	}
}

// shared is how the processes of a session train an encoder's last stages, or, if last is 0, only
// heads on frozen features.
func (k *session) shared(last int) *classify.Shared {
	p := k.company.peers()
	if p.One() {
		return nil
	}
	s := &classify.Shared{Peers: p, Groups: k.groups}
	if last == 0 {
		s.Groups = p.World.Size
		return s
	}
	s.Trained, _ = classify.Layers(k.encoder.Model, last, 1)
	if !k.together {
		s.Statistics = classify.Statistics(k.encoder.Model, last)
	}
	return s
}

// normalize settles whose images share the statistics of batch norm in training.
func (k *session) normalize(n config.Norms, dir string) (err error) {
	norms := setup.Norms{
		Processes: k.Launch.World().Size, Batch: k.BatchSize, Splits: n.BNSplits, Together: n.SyncBN,
		Resume: k.Resume, Dir: dir, Images: k.train.Len(), DropLast: k.train.Len()%k.BatchSize == 1,
	}
	if k.groups, err = norms.Groups(); err != nil {
		return err
	}
	k.together = n.SyncBN && !k.Launch.World().Alone()
	for _, said := range norms.Notes(k.groups) {
		k.note("%s", said)
	}
	k.encoder.Model.SplitNorms(k.groups / max(1, k.Launch.World().Size))
	return nil
}

// normalizeTogether makes batch norm see the images of all processes, if it is to.
func (k *session) normalizeTogether() error {
	if !k.together {
		return nil
	}
	t, ok := k.company.peers().Group.(layers.Together)
	if !ok {
		return errors.New("sync_bn: want a group that synchronizes batch norm, got one that does not")
	}
	k.encoder.Model.NormalizeTogether(t)
	return nil
}

// join joins the other processes of the session, whose configuration is c.
func (k *session) join(ctx context.Context, c any) error {
	if k.Launch.World().Alone() {
		return nil
	}
	sum := k.encoder.SHA256
	if path := k.resumed(); path != "" {
		var err error
		if sum, err = checkpoint.SHA256(path); err != nil {
			return err
		}
	}
	h := join.Hello(filepath.Base(k.dir), c)
	h.Groups = k.groups
	seen(&h, k.DataFolder, sum, k.train, k.test)
	return k.Options.join(ctx, h, k.encoder.Model.Config.Device,
		"the same command with --resume auto goes on from the last checkpoint", k.failed)
}
