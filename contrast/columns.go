package contrast

import "contralens/torch"

// circle is the order in which the images of a batch are mixed: each with its successor,
// and the last with the first.
type circle struct {
	π *torch.Tensor // int64 [≥ n]; the images are its elements below n, in its order
	n int
}

func newCircle(π *torch.Tensor, n int) *circle { return &circle{π, n} }

// partners returns the successor of each image.
func (c *circle) partners() []int {
	var order []int
	for _, p := range c.π.Int64s() {
		if int(p) < c.n {
			order = append(order, int(p))
		}
	}
	next := make([]int, c.n)
	for i, image := range order {
		next[image] = order[(i+1)%c.n]
	}
	return next
}

// neighbors returns the successor and the predecessor of each image, int64 [n], by
// operators that run on any device.
func (c *circle) neighbors() (next, before *torch.Tensor) {
	place := inverse(c.π).Narrow(0, 0, c.n)
	order := place.Argsort(0, false) // the images as π names them
	first, last := order.Narrow(0, 0, 1), order.Narrow(0, c.n-1, 1)
	later := torch.Cat([]*torch.Tensor{order.Narrow(0, 1, c.n-1), first}, 0)
	earlier := torch.Cat([]*torch.Tensor{last, order.Narrow(0, 0, c.n-1)}, 0)
	return torch.EmptyLike(order).IndexCopy_(0, order, later), torch.EmptyLike(order).IndexCopy_(0, order, earlier)
}

// permutation returns the row of z = [u; v], [2n, d], that each row is mixed with: int64
// [2n].
func (c *circle) permutation(z *torch.Tensor, o Options) *torch.Tensor {
	if o.operators(z) {
		return torch.Scoped1(func() *torch.Tensor {
			next, _ := c.neighbors()
			return torch.Cat([]*torch.Tensor{next, next.AddInt(int64(c.n))}, 0)
		})
	}
	π := make([]int64, 2*c.n)
	for i, p := range c.partners() {
		π[i], π[c.n+i] = int64(p), int64(c.n+p)
	}
	return torch.FromInt64(π, len(π))
}

// negativesOf returns the columns of the negatives in a [2n, 2n] matrix of scores: int64
// [2n, 2n-2] without those of the query's own image, or [2n, 2n-4] if images are mixed in
// an order, which leaves out those mixed with it as well. It lies on z's device.
func negativesOf(n int, order *circle, z *torch.Tensor, o Options) *torch.Tensor {
	switch {
	case o.operators(z):
		return torch.Scoped1(func() *torch.Tensor {
			own := torch.ArangeOn(n, z.Device())
			struck := []*torch.Tensor{own, own.AddInt(int64(n))}
			if order != nil {
				_, before := order.neighbors()
				low, high := own.Minimum(before), own.Maximum(before)
				struck = []*torch.Tensor{low, high, low.AddInt(int64(n)), high.AddInt(int64(n))}
			}
			half := columnsBut(2*n, struck)
			return torch.Cat([]*torch.Tensor{half, half}, 0)
		})
	case order == nil:
		return others(n, nil)
	}
	return others(n, order.partners())
}

// others lists the columns of negativesOf on the host, given the image that each image is
// mixed with, or nil.
func others(n int, partner []int) *torch.Tensor {
	before := make([]int, len(partner)) // before[j] is the image whose partner is j
	for i, p := range partner {
		before[p] = i
	}
	return columnsWithout(2*n, func(row int) []int {
		i := row % n
		if partner == nil {
			return []int{i, n + i}
		}
		j := before[i]
		return []int{min(i, j), max(i, j), n + min(i, j), n + max(i, j)}
	})
}

// offDiagonal returns the columns of each row of an [n, n] matrix without the diagonal,
// int64 [n, n-1], where n is the number of rows of z. It lies on z's device.
func offDiagonal(z *torch.Tensor, o Options) *torch.Tensor {
	n := z.Size(0)
	if o.operators(z) {
		return torch.Scoped1(func() *torch.Tensor {
			return columnsBut(n, []*torch.Tensor{torch.ArangeOn(n, z.Device())})
		})
	}
	return columnsWithout(n, func(row int) []int { return []int{row} })
}

// columnsWithout lists the columns of each row of an [n, n] matrix, except those that
// without returns for the row: int64 [n, …]. without must return ascending columns, the
// same number for every row. Columns are copied run by run, because a step may need n²
// of them.
func columnsWithout(n int, without func(row int) []int) *torch.Tensor {
	all := make([]int64, n)
	for i := range all {
		all[i] = int64(i)
	}
	columns := make([]int64, 0, n*n)
	for row := range n {
		from := 0
		for _, out := range without(row) {
			columns = append(columns, all[from:out]...)
			from = out + 1
		}
		columns = append(columns, all[from:]...)
	}
	return torch.FromInt64(columns, n, len(columns)/n)
}

// columnsBut lists the columns 0 … n-1 of each row without those of struck, by operators
// that run on any device: int64 [rows, n-len(struck)]. Each of struck has one column per
// row, int64 [rows], and those of a row ascend.
func columnsBut(n int, struck []*torch.Tensor) *torch.Tensor {
	return torch.Scoped1(func() *torch.Tensor {
		columns := torch.ArangeOn(n-len(struck), struck[0].Device()).Unsqueeze(0)
		for _, out := range struck {
			columns = columns.Add(columns.Ge(out.Unsqueeze(1)))
		}
		return columns
	})
}
