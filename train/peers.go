package train

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"contralens/config"
	"contralens/dist"
	"contralens/internal/humanize"
	"contralens/nn/layers"
	"contralens/peers"
	"contralens/setup"
)

// groups returns the number of batch-norm groups of a batch: that of the options, that with
// which a resumed run began, or one for each process. Every process has equally many.
func (r *Run) groups() (int, error) {
	c, size := &r.Config, max(1, r.World.Size)
	if c.SyncBN {
		return size, r.together() // each has its share of one group's images
	}
	groups := c.BNSplits
	if groups <= 1 {
		before, err := setup.ResumeSettings(c.Resume, r.Dir)
		if err != nil {
			return 0, err
		}
		if groups = max(1, before.Groups); groups == 1 {
			groups = size
		}
		if groups%size != 0 {
			return 0, &config.ValueError{
				Option: "resume",
				Want:   fmt.Sprintf("a number of processes that divides the %d batch-norm groups of the run", groups), Got: size,
				Hint: "to go on in other groups, give --bn_splits, the file with --resume, and another --name",
			}
		}
	}
	switch part := c.BatchSize / size / max(1, c.Accum); {
	case groups%size != 0:
		want := fmt.Sprintf("a multiple of the %d processes", size)
		return 0, &config.ValueError{Option: "bn_splits", Want: want, Got: groups}
	case size > 1 && part < 2*groups/size:
		return 0, &config.ValueError{
			Option: "batch_size",
			Want:   fmt.Sprintf("at least %d, two images in each of %d batch-norm groups", 2*groups*max(1, c.Accum), groups),
			Got:    c.BatchSize,
		}
	}
	return groups, nil
}

// together returns an error unless every process has images of every batch, as each takes part
// in the batch norm of all.
func (r *Run) together() error {
	size, n := max(1, r.World.Size), r.Train.Len()
	last := n % r.Config.BatchSize
	if last == 0 || n < r.Config.BatchSize {
		last = min(n, r.Config.BatchSize)
	}
	if last == 1 && r.DropLast || size == 1 || last >= 2*size {
		return nil
	}
	return &config.ValueError{
		Option: "sync_bn", Value: true,
		Want: fmt.Sprintf("at least two images of each batch for each of %d processes, got a last batch of %d", size, last),
		Hint: "give another --batch_size",
	}
}

// worldNotes are sentences about the processes that train.
func (r *Run) worldNotes() (notes []string) {
	groups := r.Model.Groups
	switch size := max(1, r.World.Size); {
	case r.Config.SyncBN && size == 1:
		notes = append(notes, "one process: --sync_bn changes nothing")
	case r.Config.SyncBN:
		notes = append(notes, fmt.Sprintf("%d processes: they normalize a batch together, as one process does", size))
	case size > 1 && r.Config.BNSplits <= 1 && groups == size:
		notes = append(notes, fmt.Sprintf("%d processes: each normalizes its own images, as one process with --bn_splits %d",
			size, groups))
	case size > 1:
		notes = append(notes, fmt.Sprintf("%d processes: each normalizes its own images in %s of the batch's %d", size,
			humanize.Count(groups/size, "group"), groups))
	case r.Config.BNSplits <= 1 && groups > 1:
		notes = append(notes, fmt.Sprintf("the run began with %d batch-norm groups in a batch: so has one process", groups))
	}
	return notes
}

// Connect gives the run the other processes of its world.
func (r *Run) Connect(p *peers.Peers) error {
	r.peers = *p
	r.peers.World, r.peers.Device = r.World, r.Model.Device()
	r.Model.Group, r.Model.NewReducer = p.Group, p.NewReducer
	if r.Config.SyncBN && !r.World.Alone() {
		t, ok := p.Group.(layers.Together)
		if !ok {
			return fmt.Errorf("%v: want a group that synchronizes batch norm, got one that does not", r.World)
		}
		r.Model.Query.NormalizeTogether(t)
		if r.Model.Key != nil {
			r.Model.Key.NormalizeTogether(t)
		}
	}
	r.Model.Waits = func(begin bool) {
		if begin {
			r.at(dist.Others)
		} else {
			r.at("the step")
		}
	}
	return r.connected()
}

// connected returns an error if the others of the run's world cannot be reached.
func (r *Run) connected() error {
	if err := r.World.Check(); err != nil {
		return err
	}
	if !r.World.Alone() && r.peers.Group == nil {
		return fmt.Errorf("%v: want a group of processes to train with, got none", r.World)
	}
	return nil
}

// at says what this process does in the next step.
func (r *Run) at(phase string) {
	if r.peers.At != nil {
		r.peers.At(r.GlobalStep+1, phase)
	}
}

// loading is the context of the loader: of several processes, none stops before all have agreed.
func (r *Run) loading(ctx context.Context) context.Context {
	if r.World.Alone() {
		return ctx
	}
	return context.WithoutCancel(ctx)
}

// layoutTexts writes a layout of buckets, one text each: "3 4 5".
func layoutTexts(layout [][]int) (texts []string) {
	for _, bucket := range layout {
		texts = append(texts, strings.Trim(fmt.Sprint(bucket), "[]"))
	}
	return texts
}

// layoutOf reads what layoutTexts wrote; a text that is not ours gives nil.
func layoutOf(texts []string) (layout [][]int) {
	for _, text := range texts {
		var bucket []int
		for _, field := range strings.Fields(text) {
			i, err := strconv.Atoi(field)
			if err != nil {
				return nil
			}
			bucket = append(bucket, i)
		}
		layout = append(layout, bucket)
	}
	return layout
}
