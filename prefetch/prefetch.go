// Package prefetch brings batches of views to the device of a network.
//
// On a GPU the loader's workers write 8-bit pixels into page-locked memory. While a step
// computes on one batch, the next one is copied to the GPU, which then turns its pixels
// into floats. On the CPU the workers write the floats. Both give the same values.
package prefetch

import (
	"context"
	"slices"

	"contralens/data/loader"
	"contralens/torch"
)

// Options select what New loads, and where it goes.
type Options struct {
	loader.ViewOptions // Pixels is ignored
	Device             torch.Device
	// Dtype is the type of the images on a GPU: that in which the network computes. The
	// zero value stands for Float32, which images on the CPU always have.
	Dtype torch.Dtype

	asOnGPU bool // for tests: does on the CPU what a GPU does
}

// ring is the number of batches in page-locked memory: three that the loader has in work,
// and one that is being copied.
const ring = 4

// Loader makes the batches of one epoch in order, as loader.ViewLoader does. Call its
// methods inside torch.Run, from one goroutine.
type Loader struct {
	ctx     context.Context
	o       Options
	images  *loader.ViewLoader
	floats  []*normalizer // of each view; nil if the workers write floats
	upload  *torch.Upload // nil if the workers write floats
	now     *Batch        // the newest that Next returned
	ahead   *Batch        // the one after it, if its copy has been launched
	err     error         // of the batch after those
	sending []*Batch      // whose copies may still read the memory of the host, oldest first
}

// Batch is a batch of views on the device.
type Batch struct {
	N       int
	Indices []int   // indices of the images in the dataset
	Whole   []int   // indices of the batch's images in all processes
	Labels  []int64 // of the images; -1 without classes

	loader   *Loader
	samples  *loader.ViewBatch
	transfer *torch.Transfer
	recycled bool
}

// New starts loading the batches of one epoch. The loader stops when ctx ends. Close it
// when done.
func New(ctx context.Context, o Options) *Loader {
	l := &Loader{ctx: ctx, o: o}
	o.Pixels = nil
	if o.Dtype == torch.Uint8 {
		o.Dtype = torch.Float32
	}
	if !o.Device.IsCPU() || o.asOnGPU {
		var sizes []int
		rows := o.World.Most(o.BatchSize, o.Groups)
		for i := range o.Buffers() {
			l.floats = append(l.floats, newNormalizer(o.Spec(i), o.Device, o.Dtype))
			sizes = append(sizes, rows*o.Spec(i).Len())
		}
		l.upload = torch.NewUpload(o.Device, sizes, ring)
		o.Pixels = l.upload.Host()
	}
	l.images = loader.NewViews(ctx, o.ViewOptions)
	return l
}

// Batches returns the number of batches of a whole epoch.
func (l *Loader) Batches() int { return l.images.Batches() }

// Next waits for the next batch, as loader.Loader does. The batch is valid until Recycle,
// or until the next call of Next. On a GPU, Next also launches the copy of the batch after
// it, if that is loaded.
func (l *Loader) Next() (*Batch, error) {
	if l.now != nil {
		l.Recycle(l.now)
	}
	if l.upload == nil {
		b, err := l.images.Next()
		if err != nil {
			return nil, err
		}
		l.now = l.batch(b)
		return l.now, nil
	}
	l.reclaim(len(l.sending))
	if l.ahead == nil && l.err == nil {
		l.fetch()
	}
	if l.ahead == nil {
		return nil, l.err
	}
	if err := l.ctx.Err(); err != nil {
		return nil, err
	}
	l.now, l.ahead = l.ahead, nil
	if l.err == nil && l.images.Ready() {
		l.fetch()
	}
	return l.now, nil
}

func (l *Loader) batch(b *loader.ViewBatch) *Batch {
	labels := slices.Clone(b.Samples.Labels)
	n := len(labels) // without the images of other orders
	return &Batch{N: n, Indices: b.Indices[:n], Whole: b.Whole, Labels: labels, loader: l, samples: b}
}

// fetch waits for a batch of pixels and launches its copy.
func (l *Loader) fetch() {
	l.reclaim(1)
	b, err := l.images.Next()
	if err != nil {
		l.err = err
		return
	}
	l.ahead = l.batch(b)
	l.ahead.transfer = l.upload.Start(b.Samples.Pixels)
	l.sending = append(l.sending, l.ahead)
}

// reclaim gives the host's memory of batches that have been copied back to the loader. It
// waits for copies until at most limit of them remain.
func (l *Loader) reclaim(limit int) {
	for len(l.sending) > 0 {
		b := l.sending[0]
		if len(l.sending) > limit {
			b.transfer.Wait()
		} else if !b.transfer.Sent() {
			return
		}
		l.images.Recycle(b.samples)
		l.sending = l.sending[1:]
	}
}

// View makes a view of the batch, or of the images in another order (loader.Reordered), whose buffers
// come after those of the views: a float tensor [N, 3, H, W] on the device, or [9N, 3, h,
// w] for a jigsaw. It belongs to the current scope.
func (b *Batch) View(v int) *torch.Tensor {
	l := b.loader
	if l.upload != nil {
		pixels := b.transfer.Tensor(v)
		defer pixels.Free()
		return l.floats[v].floats(pixels)
	}
	shape := l.o.Spec(v).Shape()
	if len(shape) == 3 {
		shape = append([]int{1}, shape...)
	}
	shape[0] *= b.N
	return torch.FromFloat32(b.samples.Samples.Values[v], shape...)
}

// Recycle says that all work on the batch has been launched. The batch must not be used
// afterwards.
func (l *Loader) Recycle(b *Batch) {
	if b.recycled {
		return
	}
	b.recycled = true
	if l.now == b {
		l.now = nil
	}
	if b.transfer == nil {
		l.images.Recycle(b.samples)
		return
	}
	l.upload.Release(b.transfer)
}

// Close stops the workers, even in the middle of an epoch, waits for them, and frees the
// memory.
func (l *Loader) Close() {
	l.images.Close()
	if l.upload != nil {
		l.upload.Free()
		l.upload = nil
	}
	for _, f := range l.floats {
		f.free()
	}
	l.floats = nil
}
