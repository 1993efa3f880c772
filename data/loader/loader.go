// Package loader loads batches of samples in several goroutines, a few batches ahead. A
// Sampler chooses the samples of each batch, and a Transform makes them.
//
// The Transform also decides what a sample is. NewViews loads views of images, as
// contrastive learning needs them. Other samples, such as images with boxes, need
// another Transform.
package loader

import (
	"context"
	"io"
	"sync"
	"sync/atomic"

	"contralens/internal/machine"
)

// Transform makes samples. S holds the samples of a whole batch, one per row. It is a
// struct of buffers or a slice.
type Transform[S any] interface {
	// Resize makes room for the samples with these indices. s is from a recycled batch,
	// whose memory should be reused, or is the zero value.
	Resize(s *S, indices []int)
	// Worker returns the function that one goroutine fills rows with: fill writes the
	// sample with the given index to the given row of s. It may reuse buffers from call
	// to call. Other goroutines fill other rows of s at the same time.
	Worker() (fill func(ctx context.Context, s *S, row, index int) error)
}

// Options describe what New loads.
type Options struct {
	Sampler    Sampler
	FirstBatch int // index of the first batch, to resume in the middle of an epoch
	Workers    int // goroutines; 0: one per processor
	// Most is the largest number of batches that exist at a time, those that Next returned
	// and that are not recycled included. 0 means no limit. With a limit below 4 the loader
	// loads fewer batches ahead.
	Most int
	// Rows is the number of samples that one goroutine makes in a row, the unit of work; 0: 8.
	// For samples that take long, 1 spreads small batches over all goroutines.
	Rows int
}

// Batch is a batch of samples.
type Batch[S any] struct {
	N       int
	Indices []int // indices of the samples in the dataset
	Whole   []int // indices of the batch's samples in all processes
	Samples S

	left atomic.Int32 // pieces that are not finished
	done chan struct{}
	mu   sync.Mutex
	err  error
}

// Loader makes the batches of one epoch in order. They do not depend on the number of
// workers.
type Loader[S any] struct {
	o         Options
	transform Transform[S]
	ctx       context.Context
	stop      context.CancelFunc
	batches   chan *Batch[S]
	pieces    chan piece[S]
	free      chan *Batch[S]
	wait      sync.WaitGroup
	whole     func(i int) []int // batch i of all processes; nil: there are no others
	made      int               // batches that exist; only feed uses it
	head      *Batch[S]         // the batch that Next returns, if Ready has taken it already
	next      int               // its index
}

// piece is a range of rows of a batch, the unit of work.
type piece[S any] struct {
	batch      *Batch[S]
	start, end int
}

const (
	ahead     = 3 // batches in progress or waiting
	pieceRows = 8 // of Options.Rows
)

// Workers returns n, or one worker per processor if n is 0.
func Workers(n int) int {
	if n <= 0 {
		return machine.Processors()
	}
	return n
}

// New starts loading. The loader stops when ctx ends. Close it when done.
func New[S any](ctx context.Context, o Options, t Transform[S]) *Loader[S] {
	o.Workers = Workers(o.Workers)
	if o.Rows <= 0 {
		o.Rows = pieceRows
	}
	l := &Loader[S]{
		o: o, transform: t,
		batches: make(chan *Batch[S], ahead-1), pieces: make(chan piece[S], o.Workers),
		free: make(chan *Batch[S], max(ahead+2, o.Most)), next: o.FirstBatch,
	}
	if s, ok := o.Sampler.(shared); ok {
		l.whole = s.Whole
	}
	l.ctx, l.stop = context.WithCancel(ctx)
	l.wait.Add(1 + o.Workers)
	go l.feed()
	for range o.Workers {
		go l.work()
	}
	return l
}

// Batches returns the number of batches of a whole epoch.
func (l *Loader[S]) Batches() int { return l.o.Sampler.Batches() }

func (l *Loader[S]) feed() {
	defer l.wait.Done()
	defer close(l.pieces)
	for i := l.o.FirstBatch; i < l.Batches(); i++ {
		b := l.batch(l.o.Sampler.Batch(i))
		if b == nil {
			return
		}
		if b.Whole = b.Indices; l.whole != nil {
			b.Whole = l.whole(i)
		}
		select {
		case l.batches <- b:
		case <-l.ctx.Done():
			return
		}
		for start := 0; start < b.N; start += l.o.Rows {
			select {
			case l.pieces <- piece[S]{b, start, min(start+l.o.Rows, b.N)}:
			case <-l.ctx.Done():
				return
			}
		}
	}
}

// batch makes a batch for the given samples. It reuses the memory of a recycled batch
// if there is one, and waits for one if no more batches may exist. It returns nil if ctx
// ends meanwhile.
func (l *Loader[S]) batch(indices []int) *Batch[S] {
	b := l.memory()
	if b == nil {
		return nil
	}
	b.N, b.Indices, b.err = len(indices), indices, nil
	l.transform.Resize(&b.Samples, indices)
	b.done = make(chan struct{})
	b.left.Store(int32((b.N + l.o.Rows - 1) / l.o.Rows))
	if b.N == 0 { // this process has no row of a short batch
		close(b.done)
	}
	return b
}

// memory returns a recycled batch, or else a new one.
func (l *Loader[S]) memory() *Batch[S] {
	select {
	case b := <-l.free:
		return b
	default:
	}
	if l.o.Most == 0 || l.made < l.o.Most {
		l.made++
		return &Batch[S]{}
	}
	select {
	case b := <-l.free:
		return b
	case <-l.ctx.Done():
		return nil
	}
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

// Ready reports whether Next would return at once. Call it from the goroutine that calls
// Next.
func (l *Loader[S]) Ready() bool {
	if l.next >= l.Batches() || l.ctx.Err() != nil {
		return true
	}
	if l.head == nil {
		select {
		case l.head = <-l.batches:
		default:
			return false
		}
	}
	select {
	case <-l.head.done:
		return true
	default:
		return false
	}
}

// Next waits for the next batch. It returns io.EOF after the last one. If a sample
// cannot be made, the error names it. After ctx has ended or Close, Next returns the
// context's error, even if the batch is ready. Call it from one goroutine only.
func (l *Loader[S]) Next() (*Batch[S], error) {
	if l.next >= l.Batches() {
		return nil, io.EOF // even if ctx has ended
	}
	if err := l.ctx.Err(); err != nil {
		return nil, err // even if the batch is ready
	}
	if l.head == nil {
		select {
		case l.head = <-l.batches:
		case <-l.ctx.Done():
			return nil, l.ctx.Err()
		}
	}
	b := l.head
	select {
	case <-b.done:
	case <-l.ctx.Done():
		return nil, l.ctx.Err()
	}
	l.head = nil
	l.next++
	if b.err != nil {
		if err := l.ctx.Err(); err != nil {
			return nil, err // the sample itself may be fine
		}
		return nil, b.err
	}
	return b, nil
}

// Recycle returns a batch's memory to the loader. The batch must not be used
// afterwards. With a limit on batches (Options.Most), the loader stops until one is
// recycled.
func (l *Loader[S]) Recycle(b *Batch[S]) {
	select {
	case l.free <- b:
	default:
	}
}

// Close stops the workers, even in the middle of an epoch, and waits for them.
func (l *Loader[S]) Close() {
	l.stop()
	l.wait.Wait()
}
