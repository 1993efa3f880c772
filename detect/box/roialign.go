package box

import "math"

// Bags are RoIAlign as a sparse linear map (He et al., 2017; aligned, with as many samples
// in a bin as it has pixels). Each cell of the output is a weighted sum of positions of the
// maps, a bag: cell i is Σ Weights[j] · map[Indices[j]] for j in Offsets[i] … Offsets[i+1]-1.
//
// The samples of a bin form a grid, and the bilinear weight of a sample is a product of one
// weight for y and one for x, so that the weight of position (h, w) in bin (p, q) is
//
//	A[p, h] · B[q, w]
//
// with A and B the mean weights of the samples along each axis. Samples that meet in a
// position are one entry: a bin of g x g samples has about (g+1)² entries instead of 4g².
type Bags struct {
	Indices []int64 // of positions, row by row in a map, map after map
	Offsets []int64 // of the bags in Indices
	Weights []float32

	y, x axis
}

// axis has the weights of the bins of a RoI along one axis.
type axis struct {
	first   []int // index of each bin's first weight; one more than bins
	index   []int
	weights []float32
}

// Add appends the bags of a RoI, side · side of them in the order of rows and columns. The
// map starts at position base and has height x width positions that lie 1/scale pixels
// apart. A bag is empty if the RoI is.
func (b *Bags) Add(roi Box, base, height, width, side int, scale float32) {
	b.y.set(roi[1], roi[3], height, side, scale)
	b.x.set(roi[0], roi[2], width, side, scale)
	for p := range side {
		for q := range side {
			b.Offsets = append(b.Offsets, int64(len(b.Indices)))
			for i := b.y.first[p]; i < b.y.first[p+1]; i++ {
				row, wy := int64(base+b.y.index[i]*width), b.y.weights[i]
				for j := b.x.first[q]; j < b.x.first[q+1]; j++ {
					b.Indices = append(b.Indices, row+int64(b.x.index[j]))
					b.Weights = append(b.Weights, wy*b.x.weights[j])
				}
			}
		}
	}
}

// Reset empties the bags and keeps their memory.
func (b *Bags) Reset() { b.Indices, b.Offsets, b.Weights = b.Indices[:0], b.Offsets[:0], b.Weights[:0] }

// set computes the weights of a RoI from low to high on an axis of size positions.
func (a *axis) set(low, high float32, size, bins int, scale float32) {
	a.first, a.index, a.weights = append(a.first[:0], 0), a.index[:0], a.weights[:0]
	start, length := span(low, high, scale)
	bin := length / float32(bins)
	grid := samples(bin)
	for p := range bins {
		begin := len(a.index)
		for i := range grid {
			at := sample(start, bin, p, i, grid)
			lower, upper, fraction, inside := neighbors(at, size)
			if inside {
				a.add(begin, lower, (1-fraction)/float32(grid))
				a.add(begin, upper, fraction/float32(grid))
			}
		}
		a.first = append(a.first, len(a.index))
	}
}

// add adds the weight of a position to the bin whose entries start at begin.
func (a *axis) add(begin, position int, weight float32) {
	if weight == 0 {
		return
	}
	for i := len(a.index) - 1; i >= begin && i >= len(a.index)-2; i-- {
		if a.index[i] == position {
			a.weights[i] += weight
			return
		}
	}
	a.index, a.weights = append(a.index, position), append(a.weights, weight)
}

// span returns the start of a RoI in positions and its length.
func span(low, high, scale float32) (start, length float32) {
	start = float32(low*scale) - 0.5
	return start, float32(high*scale) - 0.5 - start
}

// samples returns the number of samples along a bin, 0 for an empty RoI.
func samples(bin float32) int { return max(0, int(math.Ceil(float64(bin)))) }

// sample returns sample i of a bin.
func sample(start, bin float32, p, i, grid int) float32 {
	return start + float32(float32(p)*bin) + float32(float32(float32(i)+0.5)*bin)/float32(grid)
}

// neighbors returns the positions around a point and the weight of the upper one. A point
// outside has none.
func neighbors(at float32, size int) (lower, upper int, fraction float32, inside bool) {
	if !(at >= -1 && at <= float32(size)) {
		return 0, 0, 0, false
	}
	at = max(at, 0)
	lower = int(at)
	if lower >= size-1 {
		return size - 1, size - 1, 0, true
	}
	return lower, lower + 1, at - float32(lower), true
}
