package data

import (
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"contralens/internal/machine"
	"contralens/views"
)

// LoaderOptions say what a loader loads.
type LoaderOptions struct {
	Dataset    Dataset
	Views      []views.Spec // the views of each image, which is decoded once for all
	BatchSize  int
	Workers    int // goroutines; 0: one a processor
	Seed       uint64
	Epoch      int
	Shuffle    bool // in an order that depends on Seed and Epoch alone
	DropLast   bool // leave out a last batch that is not full
	FirstBatch int  // start here, to go on in the middle of an epoch
	Timing     *Timing
}

// Timing adds up where workers spend their time; nil in LoaderOptions: nowhere.
type Timing struct {
	Images            atomic.Int64
	Decode, Transform atomic.Int64 // nanoseconds; Decode with reading
}

// Batch is some images' views.
type Batch struct {
	N       int
	Indices []int       // of the images in the dataset
	Labels  []int64     // -1 without classes
	Views   [][]float32 // for each view a buffer [N, Shape of its Spec]

	left atomic.Int32 // pieces that workers have not finished
	done chan struct{}
	mu   sync.Mutex
	err  error
}

// Loader makes the batches of one epoch, in order, some batches ahead. The
// batches are the same whatever the number of workers.
type Loader struct {
	o       LoaderOptions
	order   []int
	batches chan *Batch
	pieces  chan piece
	free    chan *Batch
	quit    chan struct{}
	closed  sync.Once
	wait    sync.WaitGroup
}

// piece is a run of rows of a batch, the unit of work.
type piece struct {
	batch      *Batch
	start, end int
}

const (
	ahead     = 3 // batches in work or waiting
	pieceRows = 8
)

// Order is the order of an epoch's images: a permutation keyed by seed and epoch.
func Order(n int, seed uint64, epoch int) []int {
	return rand.New(rand.NewPCG(seed^0x6f72646572, uint64(epoch))).Perm(n)
}

// Workers is how many workers a loader has that was asked for n: for 0 one a
// processor.
func Workers(n int) int {
	if n <= 0 {
		return machine.Processors()
	}
	return n
}

// NewLoader starts loading.
func NewLoader(o LoaderOptions) *Loader {
	o.Workers = Workers(o.Workers)
	l := &Loader{o: o, batches: make(chan *Batch, ahead-1), pieces: make(chan piece, o.Workers), free: make(chan *Batch, ahead+2), quit: make(chan struct{})}
	if o.Shuffle {
		l.order = Order(o.Dataset.Len(), o.Seed, o.Epoch)
	} else {
		l.order = make([]int, o.Dataset.Len())
		for i := range l.order {
			l.order[i] = i
		}
	}
	l.wait.Add(1 + o.Workers)
	go l.feed()
	for range o.Workers {
		go l.work()
	}
	return l
}

// Batches is the number of batches of a whole epoch.
func (l *Loader) Batches() int { return Batches(len(l.order), l.o.BatchSize, l.o.DropLast) }

// Batches is the number of batches of n images.
func Batches(n, size int, dropLast bool) int {
	if dropLast {
		return n / size
	}
	return (n + size - 1) / size
}

func (l *Loader) feed() {
	defer l.wait.Done()
	defer close(l.pieces)
	defer close(l.batches)
	for i := l.o.FirstBatch; i < l.Batches(); i++ {
		b := l.batch(l.order[i*l.o.BatchSize : min((i+1)*l.o.BatchSize, len(l.order))])
		select {
		case l.batches <- b:
		case <-l.quit:
			return
		}
		for start := 0; start < b.N; start += pieceRows {
			select {
			case l.pieces <- piece{b, start, min(start+pieceRows, b.N)}:
			case <-l.quit:
				return
			}
		}
	}
}

// batch makes a batch for those images, in a recycled one's buffers if there is one.
func (l *Loader) batch(indices []int) *Batch {
	var b *Batch
	select {
	case b = <-l.free:
	default:
		b = &Batch{Views: make([][]float32, len(l.o.Views))}
		for v := range b.Views {
			b.Views[v] = make([]float32, l.o.BatchSize*l.o.Views[v].Len())
		}
	}
	b.N, b.Indices, b.err = len(indices), indices, nil
	b.Labels = b.Labels[:0]
	for _, i := range indices {
		b.Labels = append(b.Labels, int64(l.o.Dataset.Label(i)))
	}
	for v := range b.Views {
		b.Views[v] = b.Views[v][:b.N*l.o.Views[v].Len()]
	}
	b.done = make(chan struct{})
	b.left.Store(int32((b.N + pieceRows - 1) / pieceRows))
	return b
}

func (l *Loader) work() {
	defer l.wait.Done()
	w := newWorker(&l.o)
	for p := range l.pieces {
		select {
		case <-l.quit:
			return
		default:
		}
		for row := p.start; row < p.end; row++ {
			if err := w.views(p.batch, row); err != nil {
				p.batch.fail(err)
				break
			}
		}
		if p.batch.left.Add(-1) == 0 {
			close(p.batch.done)
		}
	}
}

func (b *Batch) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = err
	}
}

// Next waits for the next batch; io.EOF ends the epoch. An image that cannot be
// decoded is an error that names it.
func (l *Loader) Next() (*Batch, error) {
	b, ok := <-l.batches
	if !ok {
		return nil, io.EOF
	}
	select {
	case <-b.done:
	case <-l.quit:
		return nil, io.EOF
	}
	if b.err != nil {
		return nil, b.err
	}
	return b, nil
}

// Recycle gives a batch's buffers back; they must not be used any more.
func (l *Loader) Recycle(b *Batch) {
	select {
	case l.free <- b:
	default:
	}
}

// Close stops the workers, also in the middle of an epoch, and waits for them.
func (l *Loader) Close() {
	l.closed.Do(func() { close(l.quit) })
	for range l.batches {
	}
	l.wait.Wait()
}
