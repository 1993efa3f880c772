package contrast

import (
	"math/bits"
	"math/rand/v2"

	"contralens/torch"
)

// MemoryBank keeps one feature per training image (Wu et al., 2018). An image's own
// row is its key, and rows drawn at random are its negatives.
type MemoryBank struct {
	Rows *torch.Tensor // float32 [M, d], unit rows
	// Origins has for each row its image, which is the row's index, and the step and the crop of
	// the newest feature in it, int32 [M, 3]; see OriginImage. It may be nil.
	Origins *torch.Tensor
}

// bankChunk is the number of rows that are drawn at a time. A bank of 1.28 million rows
// takes most of a gigabyte, so it should not be copied.
const bankChunk = 1 << 14

// NewMemoryBank makes a bank of m normalized Gaussian rows. Free it when done.
func NewMemoryBank(m, d int, seed uint64, device torch.Device) *MemoryBank {
	rng := rand.New(rand.NewPCG(seed, 0x62616e6b))
	b := &MemoryBank{Rows: torch.Empty([]int{m, d}, torch.Options{Device: device}).Keep()}
	values := make([]float32, min(m, bankChunk)*d)
	for first := 0; first < m; first += bankChunk {
		rows := min(bankChunk, m-first)
		for i := range values[:rows*d] {
			values[i] = float32(rng.NormFloat64())
		}
		torch.Scoped(func() {
			b.Rows.Narrow(0, first, rows).Copy_(torch.FromFloat32(values[:rows*d], rows, d).Normalize(1))
		})
	}
	b.Origins = unknown(m, device).Keep()
	return b
}

// Len is M, the number of images.
func (b *MemoryBank) Len() int { return b.Rows.Size(0) }

// Keys returns the rows [N, d] of images, int64 [N]. They are the positives.
func (b *MemoryBank) Keys(images *torch.Tensor) *torch.Tensor {
	return b.Rows.IndexSelect(0, images)
}

// Draw draws k negatives uniformly from all rows for every query. They depend only on
// seed and step, so nothing is prepared or stored.
func (b *MemoryBank) Draw(k int, seed, step uint64) SampledNegatives {
	base := mix(mix(seed^0x6e65676174697665) + step)
	at, indices := sampler(base, uint64(b.Len()))
	return SampledNegatives{Bank: b.Rows, Origins: b.Origins, Count: k, At: at, Indices: indices}
}

// sampler draws rows of m < 2^32, on the host and, equally, by operators on a device; see
// SampledNegatives.
func sampler(base, m uint64) (at func(query, i int) int64, indices func(queries, i *torch.Tensor) *torch.Tensor) {
	at = func(query, i int) int64 {
		row, _ := bits.Mul64(mix(base+uint64(query)<<32+uint64(i)), m)
		return int64(row)
	}
	indices = func(queries, i *torch.Tensor) *torch.Tensor {
		return torch.Scoped1(func() *torch.Tensor {
			x := mixAll(queries.ShiftLeft(32).AddInt(int64(base)).Add(i))
			// The high 64 bits of x·m, from those of both halves of x.
			high := torch.Scoped1(func() *torch.Tensor { return x.ShiftRight(32).MulInt(int64(m)) })
			low := torch.Scoped1(func() *torch.Tensor { return x.LowBits(32).MulInt(int64(m)).ShiftRight(32) })
			return high.Add(low).ShiftRight(32)
		})
	}
	return at, indices
}

// mix is the output function of SplitMix64 (Steele et al., 2014): it hashes x.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// mixAll is mix of each element of x, int64, which it frees. At most four tensors as large as x are
// in memory.
func mixAll(x *torch.Tensor) *torch.Tensor {
	then := func(f func(x *torch.Tensor) *torch.Tensor) {
		y := torch.Scoped1(func() *torch.Tensor { return f(x) })
		x.Free()
		x = y
	}
	gamma := uint64(0x9e3779b97f4a7c15)
	then(func(x *torch.Tensor) *torch.Tensor { return x.AddInt(int64(gamma)) })
	for _, round := range []struct {
		shift  int
		factor uint64
	}{{30, 0xbf58476d1ce4e5b9}, {27, 0x94d049bb133111eb}} {
		then(func(x *torch.Tensor) *torch.Tensor {
			return x.Xor(x.ShiftRight(round.shift)).MulInt(int64(round.factor))
		})
	}
	then(func(x *torch.Tensor) *torch.Tensor { return x.Xor(x.ShiftRight(31)) })
	return x
}

// Update moves the rows of images, int64 [N], towards their features [N, d]:
//
//	row ← normalize(m·row + (1-m)·feature)
//
// Call it after the contrast, which reads the bank.
func (b *MemoryBank) Update(images, features *torch.Tensor, momentum float64) {
	b.UpdateUnless(nil, images, features, momentum)
}

// UpdateUnless is Update, but the rows stay as they are if stopped, float32 [], is not nil and 1.
func (b *MemoryBank) UpdateUnless(stopped, images, features *torch.Tensor, momentum float64) {
	torch.NoGrad(func() {
		torch.Scoped(func() {
			rows := b.Keys(images)
			moved := rows
			if stopped != nil {
				moved = rows.Clone()
			}
			moved = moved.MulScalar_(momentum).AddInto_(features.Detach(), 1-momentum).Normalize(1)
			if stopped != nil {
				moved = rows.Where(stopped.To(torch.Bool), moved)
			}
			b.Rows.IndexCopy_(0, images, moved)
		})
	})
}

// MarkUnless notes the origins of the rows of images, int64 [N], which UpdateUnless moves: int32
// [N, 3]. They stay as they are if stopped, float32 [], is not nil and 1.
func (b *MemoryBank) MarkUnless(stopped, images, origins *torch.Tensor) {
	torch.NoGrad(func() {
		torch.Scoped(func() {
			if stopped != nil {
				origins = b.Origins.IndexSelect(0, images).Where(stopped.To(torch.Bool), origins)
			}
			b.Origins.IndexCopy_(0, images, origins)
		})
	})
}

// Free drops the rows.
func (b *MemoryBank) Free() {
	b.Rows.Free()
	b.Origins.Free()
}
