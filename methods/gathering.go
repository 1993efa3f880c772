package methods

import (
	"slices"
	"time"

	"contralens/peers"
	"contralens/torch"
)

// gathering is what the processes of a world exchange in one step. Each embeds its own images.
// The embeddings of all meet in a leaf, on which every process computes the loss of the whole
// batch. So losses, draws and memories are those of one process. The gradient of the own
// images' embeddings then goes back through the own graph, and gradients of the weights are
// summed. Only batch norm differs: its statistics are those of own images, as one process has
// them that splits its batches.
type gathering struct {
	n       int       // images of the whole batch
	from    int       // the first of this process
	rows    []int     // number of images of each process
	control Control   // of this process
	ranks   []Control // of all processes, once their first embeddings have been read
	sent    bool      // the control is on its way
	read    *torch.Readback
	ends    []end
	crops   []*torch.Tensor
	loaded  []Shuffled // crops that need no exchange
}

// end is where the graph of this process ends and the loss of all processes begins.
type end struct {
	own *torch.Tensor // [n, d], embeddings of own images
	all *torch.Tensor // [N, d], a leaf
}

// meet begins the exchange of a step; leave ends it.
func (m *Model) meet(b *Batch) (leave func()) {
	if m.World.Alone() {
		return func() {}
	}
	x := &gathering{n: b.Len(), control: b.Control, read: b.Readback, crops: b.Crops, loaded: b.Shuffled}
	for rank := range m.World.Size {
		from, to := m.World.Of(rank).Images(x.n, m.Groups)
		x.rows = append(x.rows, to-from)
	}
	x.from, _ = m.World.Images(x.n, m.Groups)
	before := m.gathering
	m.gathering = x
	return func() { m.gathering = before }
}

// own returns this process's rows of a batch with n images, each of which has perImage rows.
func (m *Model) own(n, perImage int) rows {
	if m.gathering == nil {
		return rows{0, n * perImage}
	}
	return rows{perImage * m.gathering.from, perImage * m.gathering.rows[m.World.Rank]}
}

// gather returns the embeddings of the whole batch, [N, d], of which z [n, d] are those of own
// images. While gradients are recorded, the result is a leaf.
func (m *Model) gather(z *torch.Tensor) (all *torch.Tensor) {
	x := m.gathering
	if x == nil {
		return z
	}
	var message []float32
	if !x.sent {
		message = x.control.values()
	}
	var told *torch.Tensor
	m.waiting(func() { all, told = peers.Gather(m.Group, z, x.rows, message) })
	if told != nil {
		x.sent = true
		x.readControls(told)
	}
	if torch.GradEnabled() {
		x.ends = append(x.ends, end{z, all.SetRequiresGrad(true)})
	}
	return all
}

// readControls takes the controls of all processes, [size, m].
func (x *gathering) readControls(told *torch.Tensor) {
	length := told.Size(1)
	x.read.Values(told, func(v []float64) {
		for rank := range x.rows {
			x.ranks = append(x.ranks, controlOf(v[rank*length:]))
		}
	})
}

// take returns rows of a tensor that is spread over the processes, each of which has those of
// its own images: of the rows in the given order, a permutation of the whole batch, those at
// the places of own images. In one process these are all rows in that order.
func (m *Model) take(x *torch.Tensor, order []int64) *torch.Tensor {
	if m.gathering == nil {
		return x.IndexSelect(0, torch.FromInt64(order, len(order)).ToDevice(x.Device()))
	}
	if loaded := m.gathering.loadedRows(x, order); loaded != nil {
		return loaded
	}
	return torch.Scoped1(func() *torch.Tensor {
		route := m.route(order)
		send := x.IndexSelect(0, torch.FromInt64(route.send, len(route.send)).ToDevice(x.Device()))
		shape := x.Shape()
		shape[0] = len(route.place)
		out := torch.Empty(shape, torch.Options{Dtype: x.Dtype()}).ToDevice(x.Device())
		m.waiting(func() { m.Group.AllToAll(out, send.Contiguous(), route.out, route.in) })
		return out.IndexSelect(0, torch.FromInt64(route.place, len(route.place)).ToDevice(x.Device()))
	})
}

// loadedRows returns the rows of a crop in an order if the loader has made them, or nil. A crop of which
// it has made another order is an error.
func (x *gathering) loadedRows(crop *torch.Tensor, order []int64) *torch.Tensor {
	other := false
	for _, s := range x.loaded {
		if x.crops[s.Crop] == crop {
			if slices.Equal(s.Order, order) {
				return s.Images
			}
			other = true
		}
	}
	if other {
		panic(&torch.Error{Op: "shuffle", Message: "want keys in an order that the loader knew before the step"})
	}
	return nil
}

// KeyOrders returns for each crop of which a step takes keys the order of the whole batch's n images
// in which the key encoder sees them, as the step draws it. ok is false if they are not known before.
// It may be called from any goroutine.
func (m *Model) KeyOrders(step, n int) (crops []KeyCrop, orders [][]int64, ok bool) {
	method, ok := m.Method.(keyed)
	if !ok {
		return nil, nil, m.Key == nil
	}
	for _, c := range method.KeyCrops() {
		drawn := &seeded{seed: m.Seed, step: uint64(step), calls: uint64(c.Draw)}
		crops, orders = append(crops, c), append(orders, drawn.Order(n))
	}
	return crops, orders, true
}

// route says how rows get from the processes that have them to those that take them.
type route struct {
	send    []int64 // own rows to send, by the rank that takes them
	in, out []int   // number of rows sent to and taken from each rank
	place   []int64 // for each own place, the index of its row among those that were taken
}

// route returns the way of a batch's rows to the given order. Everyone computes the same.
func (m *Model) route(order []int64) (r route) {
	x, self := m.gathering, m.World.Rank
	owner := make([]int, x.n)
	starts := make([]int, len(x.rows))
	for rank, at := 0, 0; rank < len(x.rows); rank++ {
		starts[rank] = at
		for range x.rows[rank] {
			owner[at] = rank
			at++
		}
	}
	r.in, r.out = make([]int, len(x.rows)), make([]int, len(x.rows))
	r.place = make([]int64, x.rows[self])
	taken := int64(0)
	for rank, start := range starts {
		for _, row := range order[start : start+x.rows[rank]] { // what this rank takes from here
			if owner[row] == self {
				r.send = append(r.send, row-int64(x.from))
				r.in[rank]++
			}
		}
		for i, row := range order[x.from : x.from+x.rows[self]] { // what is taken from this rank
			if owner[row] == rank {
				r.place[i] = taken
				r.out[rank]++
				taken++
			}
		}
	}
	return r
}

// shuffled returns the order in which keys go through their encoder, of one in which they may.
func (m *Model) shuffled(order []int64) []int64 {
	switch m.Shuffle {
	case "none":
		slices.Sort(order)
	case "node":
		return m.withinNodes(order)
	}
	return order
}

// withinNodes returns an order in which rows stay on their node.
func (m *Model) withinNodes(order []int64) []int64 {
	if m.gathering == nil {
		return order
	}
	var out []int64
	first := int64(0)
	for ranks := range slices.Chunk(m.gathering.rows, m.World.PerNode()) {
		end := first
		for _, n := range ranks {
			end += int64(n)
		}
		for _, row := range order {
			if row >= first && row < end {
				out = append(out, row)
			}
		}
		first = end
	}
	return out
}

// waiting runs an exchange, in which a process waits for the slowest one.
func (m *Model) waiting(f func()) {
	begin := time.Now()
	f()
	m.waited += time.Since(begin)
}

// Waited returns the time that exchanges with other processes have taken since the last call, without that
// of gradients which are exchanged while they are computed.
func (m *Model) Waited() (t time.Duration) {
	t, m.waited = m.waited, 0
	return t
}
