package classify

import (
	"context"
	"io"

	"contralens/data"
	"contralens/data/loader"
	"contralens/prefetch"
	"contralens/torch"
	"contralens/views"
	"contralens/world"
)

// Source provides the batches of each epoch. The batches depend only on the number of
// the epoch, so that training can resume in the middle of one.
type Source interface {
	Batches() int // per epoch
	// Epoch returns the batches of an epoch, starting with batch first (counted from
	// 0), until ctx ends.
	Epoch(ctx context.Context, epoch, first int) Batches
}

// Batches is the remainder of an epoch.
type Batches interface {
	// Next returns the inputs of the next batch, whose first dimension is N, and N
	// labels. Of several processes, each has its share of the inputs, and all labels. Next
	// returns io.EOF after the last batch.
	Next() (x *torch.Tensor, labels []int64, err error)
	Close()
}

// Images is a Source of augmented images [N, 3, H, W].
type Images struct {
	Dataset  data.Dataset
	Batch    int
	Workers  int
	Spec     views.Spec // the augmentation
	Seed     uint64
	Balanced bool // draw classes with equal probability, instead of images
	DropLast bool
	Device   torch.Device
	Dtype    torch.Dtype // of the images on a GPU, see prefetch.Options
	// World has the processes that share each batch, and Groups is the number of its groups with
	// batch-norm statistics of their own (see world.World.Images).
	World  world.World
	Groups int
}

// Batches returns the number of batches per epoch.
func (s *Images) Batches() int { return loader.Batches(s.Dataset.Len(), s.Batch, s.DropLast) }

// Epoch starts the loader of an epoch.
func (s *Images) Epoch(ctx context.Context, epoch, first int) Batches {
	d := s.Dataset
	if !s.World.Alone() {
		ctx = context.WithoutCancel(ctx) // none stops before all have agreed
	}
	if s.Balanced {
		d = data.ClassBalanced(d, s.Seed, epoch)
	}
	return imageBatches{d, prefetch.New(ctx, prefetch.Options{Device: s.Device, Dtype: s.Dtype,
		ViewOptions: loader.ViewOptions{
			Dataset: d, Views: []views.Spec{s.Spec}, BatchSize: s.Batch, Workers: s.Workers, Seed: s.Seed, Epoch: epoch,
			Shuffle: true, DropLast: s.DropLast, FirstBatch: first, World: s.World, Groups: s.Groups,
		}})}
}

type imageBatches struct {
	data.Dataset
	*prefetch.Loader
}

func (b imageBatches) Next() (*torch.Tensor, []int64, error) {
	batch, err := b.Loader.Next()
	if err != nil {
		return nil, nil, err
	}
	defer b.Recycle(batch)
	labels := batch.Labels
	if len(batch.Whole) > len(labels) {
		labels = nil
		for _, i := range batch.Whole {
			labels = append(labels, int64(b.Label(i)))
		}
	}
	return batch.View(0), labels, nil
}

// Cached is a Source of features computed beforehand.
type Cached struct {
	Features *torch.Tensor // [N, D]
	Labels   []int64
	Batch    int
	Seed     uint64
	Balanced bool // draw classes with equal probability, instead of rows
}

// Batches returns the number of batches per epoch.
func (s *Cached) Batches() int { return loader.Batches(len(s.Labels), s.Batch, false) }

// Epoch draws the order of an epoch and returns its batches.
func (s *Cached) Epoch(_ context.Context, epoch, first int) Batches {
	order := loader.Shuffled(len(s.Labels), s.Seed, epoch)
	if s.Balanced {
		order = data.BalancedOrder(s.Labels, s.Seed, epoch)
	}
	return &cachedBatches{s, order[first*s.Batch:]}
}

type cachedBatches struct {
	s     *Cached
	order []int
}

func (b *cachedBatches) Close() {}

func (b *cachedBatches) Next() (*torch.Tensor, []int64, error) {
	n := min(b.s.Batch, len(b.order))
	if n == 0 {
		return nil, nil, io.EOF
	}
	rows, labels := make([]int64, n), make([]int64, n)
	for i, row := range b.order[:n] {
		rows[i], labels[i] = int64(row), b.s.Labels[row]
	}
	b.order = b.order[n:]
	return b.s.Features.IndexSelect(0, torch.FromInt64(rows, n).ToDevice(b.s.Features.Device())), labels, nil
}
