package contrast

import "contralens/torch"

// What a trace reads of each kind of negatives.

// tracedOfBank is the largest number of queries that are traced against a bank, whose negatives are
// gathered for every query.
const tracedOfBank = 32

// traceNegatives fills out.Trace for queries q with keys k [N, d], neither transformed.
func (out *Output) traceNegatives(q, k *torch.Tensor, negatives Negatives, draw Draw, o Options) {
	torch.NoGrad(func() {
		torch.Scoped(func() {
			most := MaxTraced
			if _, bank := negatives.(SampledNegatives); bank {
				most = tracedOfBank
			}
			n := min(q.Size(0), most)
			raw := q.Mul(k).SumDim([]int{1}, true).Narrow(0, 0, n)
			q1, k1 := draw.positives(q, k)
			q1, k1 = q1.Narrow(0, 0, n), k1.Narrow(0, 0, n)
			switch s := negatives.(type) {
			case QueueNegatives:
				out.trace(q1, k1, raw, s.traced(q1, draw), o)
			case SampledNegatives:
				out.trace(q1, k1, raw, s.traced(q1, draw), o)
			}
		})
	})
}

// weights returns λ of the negatives, [1, K], or nil where nothing is mixed.
func (d Draw) weights(k int, like *torch.Tensor) *torch.Tensor {
	switch λ := d.Negative; {
	case λ == nil:
		return nil
	case λ.Elements == nil:
		return torch.Full([]int{1, k}, λ.Value, torch.Options{Dtype: like.Dtype(), Device: like.Device()})
	default:
		return λ.Elements.MeanDim([]int{1}, false).To(like.Dtype()).Unsqueeze(0)
	}
}

// moved picks from π, int64 [K], the rows that are mixed with those at, int64 of any shape; nil without
// π.
func (d Draw) moved(at *torch.Tensor) *torch.Tensor {
	if d.Negative == nil {
		return nil
	}
	return d.Permutation.IndexSelect(0, at.Reshape(-1)).View(at.Shape()...)
}

// negatives returns the numbers first … first+count-1, int64 [1, count].
func (d Draw) negatives(first, count int, device torch.Device) *torch.Tensor {
	return torch.ArangeOn(count, device).AddInt(int64(first)).Unsqueeze(0)
}

func (s QueueNegatives) traced(q *torch.Tensor, draw Draw) traced {
	table, device := s.Origins, q.Device()
	if table == nil {
		table = unknown(s.Len(), device)
	}
	λ := draw.weights(s.Len(), q)
	return traced{
		count: s.Len(), block: hardestBlock, table: table,
		score: func(first, count int) *torch.Tensor {
			at := draw.negatives(first, count, device).View(-1)
			return q.Mm(s.rows(draw, at).T())
		},
		rows: func(first, count int) (own, mixed *torch.Tensor) {
			own = draw.negatives(first, count, device)
			return own, draw.moved(own)
		},
		at: func(at *torch.Tensor) (own, mixed *torch.Tensor) { return at, draw.moved(at) },
		λ:  func(first, count int) *torch.Tensor { return λ.Narrow(1, first, count) },
	}
}

func (d SampledNegatives) traced(q *torch.Tensor, draw Draw) traced {
	n, device := q.Size(0), q.Device()
	λ := draw.weights(d.Count, q)
	at := func(at *torch.Tensor) (own, mixed *torch.Tensor) {
		own = d.drawnAt(n, at)
		if draw.Negative != nil {
			mixed = d.drawnAt(n, draw.moved(at))
		}
		return own, mixed
	}
	elements := blockElements
	if !device.IsCPU() {
		elements = deviceBlockElements
	}
	return traced{
		count: d.Count, block: max(1, elements/(n*q.Size(1))), table: d.origins(), at: at,
		rows: func(first, count int) (own, mixed *torch.Tensor) { return at(draw.negatives(first, count, device)) },
		λ:    func(first, count int) *torch.Tensor { return λ.Narrow(1, first, count) },
		score: func(first, count int) *torch.Tensor {
			own, mixed := at(draw.negatives(first, count, device))
			gather := func(of *torch.Tensor) *torch.Tensor {
				return d.Bank.IndexSelect(0, of.Reshape(-1)).View(n, count, -1)
			}
			rows := gather(own)
			if mixed != nil {
				λ := *draw.Negative
				if λ.Elements != nil {
					λ.Elements = λ.Elements.Narrow(0, first, count)
				}
				rows = λ.mix(rows, gather(mixed))
			}
			if draw.NormalizeNegative {
				rows = rows.Normalize(2)
			}
			return rows.Bmm(q.Unsqueeze(2)).Squeeze(2)
		},
	}
}

// origins are those of the bank's rows, whose images are known by their places.
func (d SampledNegatives) origins() *torch.Tensor {
	m, table := d.Bank.Size(0), d.Origins
	if table == nil {
		table = unknown(m, d.Bank.Device())
	}
	images := torch.ArangeOn(m, d.Bank.Device()).To(torch.Int32).Unsqueeze(1)
	return torch.Cat([]*torch.Tensor{images, table.Narrow(1, 1, OriginColumns-1)}, 1)
}

// drawnAt returns the rows of the bank that are the negatives i, int64 [1, c] or [n, c], of n queries:
// int64 [n, c].
func (d SampledNegatives) drawnAt(n int, i *torch.Tensor) *torch.Tensor {
	device := d.Bank.Device()
	if d.Indices != nil {
		return d.Indices(torch.ArangeOn(n, device).Unsqueeze(1), i)
	}
	c, numbers := i.Size(1), i.Int64s()
	rows := make([]int64, 0, n*c)
	for query := range n {
		of := numbers[len(numbers)-c:]
		if i.Size(0) > 1 {
			of = numbers[query*c:][:c]
		}
		for _, i := range of {
			rows = append(rows, d.At(query, int(i)))
		}
	}
	return torch.FromInt64(rows, n, c).ToDevice(device)
}

// traceBatch fills out.Trace for the queries of u in z = [u; v], [2N, d], not transformed.
func (out *Output) traceBatch(z *torch.Tensor, draw Draw, o Options) {
	torch.NoGrad(func() {
		torch.Scoped(func() {
			n := min(z.Size(0)/2, MaxTraced)
			q, k, rows, order := transformBatch(z, draw, o)
			raw := z.Mul(swap(z)).SumDim([]int{1}, true).Narrow(0, 0, n)
			q, k = q.Narrow(0, 0, n), k.Narrow(0, 0, n)
			columns := negativesOf(z.Size(0)/2, order, z, o).Narrow(0, 0, n)
			var π, λ *torch.Tensor
			if order != nil {
				π, λ = order.permutation(z, o), draw.weights(z.Size(0), q)
			}
			table := o.Trace.Batch
			if table == nil {
				table = unknown(z.Size(0), z.Device())
			}
			with := func(own *torch.Tensor) (_, mixed *torch.Tensor) {
				if π != nil {
					mixed = π.IndexSelect(0, own.Reshape(-1)).View(own.Shape()...)
				}
				return own, mixed
			}
			of := func(first, count int) *torch.Tensor { return columns.Narrow(1, first, count).Contiguous() }
			out.trace(q, k, raw, traced{
				count: columns.Size(1), block: columns.Size(1), table: table,
				score: func(first, count int) *torch.Tensor { return q.Mm(rows.T()).Gather(1, of(first, count)) },
				rows:  func(first, count int) (own, mixed *torch.Tensor) { return with(of(first, count)) },
				at:    func(at *torch.Tensor) (own, mixed *torch.Tensor) { return with(columns.Gather(1, at)) },
				λ: func(first, count int) *torch.Tensor {
					return λ.IndexSelect(1, of(first, count).View(-1)).View(n, count)
				},
			}, o)
		})
	})
}
