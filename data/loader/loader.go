// Package loader loads batches of samples in several goroutines, a few batches ahead.
// A Sampler chooses the samples of each batch, and a Transform makes them. The Transform
// also decides what a sample is: the package has one for views of images, as contrastive
// learning needs them. Images with boxes, or anything else, take another Transform.
package loader

import (
	"context"
	"io"
	"sync"
	"sync/atomic"

	"contralens/internal/machine"
)

// Transform makes samples. S holds the samples of a whole batch, one per row: it is a
// struct of buffers, or a slice.
type Transform[S any] interface {
	// Resize makes room for the samples of these indices. s comes from a recycled
	// batch, whose memory should be reused, or is the zero value.
	Resize(s *S, indices []int)
	// Worker returns the function with which one goroutine fills rows: fill puts the
	// sample of that index into that row of s. It may reuse buffers from call to call.
	// Other goroutines fill other rows of s at the same time.
	Worker() (fill func(ctx context.Context, s *S, row, index int) error)
}

// Options say what a loader loads.
type Options struct {
	Sampler    Sampler
	FirstBatch int // begin with this batch, to resume in the middle of an epoch
	Workers    int // goroutines; 0: one per processor
}

// Batch is the samples of a batch.
type Batch[S any] struct {
	N       int
	Indices []int // of the samples in the dataset
	Samples S

	left atomic.Int32 // pieces that workers have not finished
	done chan struct{}
	mu   sync.Mutex
	err  error
}

// Loader makes the batches of one epoch in order. They are the same whatever the
// number of workers.
type Loader[S any] struct {
	o         Options
	transform Transform[S]
	ctx       context.Context
	stop      context.CancelFunc
	batches   chan *Batch[S]
	pieces    chan piece[S]
	free      chan *Batch[S]
	wait      sync.WaitGroup
	next      int // the batch that Next gives
}

// piece is a run of rows of a batch, the unit of work.
type piece[S any] struct {
	batch      *Batch[S]
	start, end int
}

const (
	ahead     = 3 // batches in work or waiting
	pieceRows = 8
)

// Workers is how many workers a loader has that was asked for n: for 0 one a
// processor.
func Workers(n int) int {
	if n <= 0 {
		return machine.Processors()
	}
	return n
}

// New starts loading. The loader stops when ctx ends, and must be closed.
func New[S any](ctx context.Context, o Options, t Transform[S]) *Loader[S] {
	o.Workers = Workers(o.Workers)
	l := &Loader[S]{
		o: o, transform: t,
		batches: make(chan *Batch[S], ahead-1), pieces: make(chan piece[S], o.Workers),
		free: make(chan *Batch[S], ahead+2), next: o.FirstBatch,
	}
	l.ctx, l.stop = context.WithCancel(ctx)
	l.wait.Add(1 + o.Workers)
	go l.feed()
	for range o.Workers {
		go l.work()
	}
	return l
}

// Batches is the number of batches of a whole epoch.
func (l *Loader[S]) Batches() int { return l.o.Sampler.Batches() }

func (l *Loader[S]) feed() {
	defer l.wait.Done()
	defer close(l.pieces)
	for i := l.o.FirstBatch; i < l.Batches(); i++ {
		b := l.batch(l.o.Sampler.Batch(i))
		select {
		case l.batches <- b:
		case <-l.ctx.Done():
			return
		}
		for start := 0; start < b.N; start += pieceRows {
			select {
			case l.pieces <- piece[S]{b, start, min(start+pieceRows, b.N)}:
			case <-l.ctx.Done():
				return
			}
		}
	}
}

// batch makes a batch for those samples, in a recycled one's memory if there is one.
func (l *Loader[S]) batch(indices []int) *Batch[S] {
	var b *Batch[S]
	select {
	case b = <-l.free:
	default:
		b = &Batch[S]{}
	}
	b.N, b.Indices, b.err = len(indices), indices, nil
	l.transform.Resize(&b.Samples, indices)
	b.done = make(chan struct{})
	b.left.Store(int32((b.N + pieceRows - 1) / pieceRows))
	if b.N == 0 { // of a process that has no row of a short batch
		close(b.done)
	}
	return b
}

func (l *Loader[S]) work() {
	defer l.wait.Done()
	fill := l.transform.Worker()
	for p := range l.pieces {
		if l.ctx.Err() != nil {
			return
		}
		for row := p.start; row < p.end; row++ {
			if err := fill(l.ctx, &p.batch.Samples, row, p.batch.Indices[row]); err != nil {
				p.batch.fail(err)
				break
			}
		}
		if p.batch.left.Add(-1) == 0 {
			close(p.batch.done)
		}
	}
}

func (b *Batch[S]) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = err
	}
}

// Next waits for the next batch; io.EOF ends the epoch. A sample that cannot be made
// is an error that names it. After the end of the context, Next returns its error
// instead of further batches. It is called from one goroutine.
func (l *Loader[S]) Next() (*Batch[S], error) {
	if l.next >= l.Batches() {
		return nil, io.EOF // also after the end of the context
	}
	var b *Batch[S]
	select {
	case b = <-l.batches:
	case <-l.ctx.Done():
		return nil, l.ctx.Err()
	}
	select {
	case <-b.done:
	case <-l.ctx.Done():
		return nil, l.ctx.Err()
	}
	l.next++
	if b.err != nil {
		return nil, b.err
	}
	return b, nil
}

// Recycle gives a batch's memory back; the batch must not be used any more.
func (l *Loader[S]) Recycle(b *Batch[S]) {
	select {
	case l.free <- b:
	default:
	}
}

// Close stops the workers, also in the middle of an epoch, and waits for them.
func (l *Loader[S]) Close() {
	l.stop()
	l.wait.Wait()
}
