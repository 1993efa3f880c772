package contrast

import "contralens/torch"

// hardestBlock is the number of rows of a queue that Hardest reads at a time.
const hardestBlock = 16384

// Hardest returns the rows of the queue with the largest scores q·n' of each query, the largest
// first: int64 [N, top]. q is [N, d], and n' the rows as the draw transforms them. It reads the
// queue in blocks and keeps the best so far, so that there is no [N, K] matrix, by operators
// that run on any device. hardestPlain is the version to read.
func (s QueueNegatives) Hardest(q *torch.Tensor, top int, draw Draw) *torch.Tensor {
	return s.hardest(q, top, draw, hardestBlock)
}

func (s QueueNegatives) hardest(q *torch.Tensor, top int, draw Draw, block int) (rows *torch.Tensor) {
	torch.NoGrad(func() {
		rows = torch.Scoped1(func() *torch.Tensor {
			var best, at *torch.Tensor
			for first := 0; first < s.Len(); first += block {
				count := min(block, s.Len()-first)
				indices := torch.ArangeOn(count, q.Device()).AddInt(int64(first))
				scores := q.Mm(s.rows(draw, indices).T())
				indices = indices.Unsqueeze(0).Expand(q.Size(0), count)
				if best != nil {
					scores = torch.Cat([]*torch.Tensor{best, scores}, 1)
					indices = torch.Cat([]*torch.Tensor{at, indices}, 1)
				}
				values, places := scores.TopK(min(top, scores.Size(1)), 1)
				best, at = values, indices.Gather(1, places)
			}
			return at
		})
	})
	return rows
}

// hardestPlain is Hardest from the whole matrix of scores.
func (s QueueNegatives) hardestPlain(q *torch.Tensor, top int, draw Draw) (rows *torch.Tensor) {
	torch.NoGrad(func() {
		rows = torch.Scoped1(func() *torch.Tensor {
			_, rows := s.mixed(draw).scores(q).TopK(min(top, s.Len()), 1)
			return rows
		})
	})
	return rows
}

// rows returns the rows n' of the queue at indices, int64 [M], as the draw transforms them:
// [M, d].
func (s QueueNegatives) rows(draw Draw, indices *torch.Tensor) *torch.Tensor {
	return torch.Scoped1(func() *torch.Tensor {
		rows := s.Rows.IndexSelect(0, indices)
		if draw.Negative != nil {
			λ := *draw.Negative
			if λ.Elements != nil {
				λ.Elements = λ.Elements.IndexSelect(0, indices)
			}
			rows = λ.mix(rows, s.Rows.IndexSelect(0, draw.Permutation.IndexSelect(0, indices)))
		}
		if draw.NormalizeNegative {
			rows = rows.Normalize(1)
		}
		return rows
	})
}
