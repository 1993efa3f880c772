package contrast

import "contralens/torch"

// struck is the score of a negative that is left out: no exponential of it is above 0.
const struck = -1e30

// ownOf returns which negatives are left out because they are keys of the query's own image, bool [N, K];
// nil if the options leave none out, or nothing is known of the keys. A mixed negative is left out if either
// of its keys is the image's.
func (o Options) ownOf(negatives Negatives, draw Draw) *torch.Tensor {
	if o.Own == nil {
		return nil
	}
	return torch.Scoped1(func() *torch.Tensor {
		images, n := o.Own.Unsqueeze(1), o.Own.Size(0)
		all := draw.negatives(0, negatives.Len(), o.Own.Device())
		var is func(at *torch.Tensor) *torch.Tensor // bool [N, K] of negatives at, int64 [1, K]
		switch s := negatives.(type) {
		case QueueNegatives:
			if s.Origins == nil {
				return nil
			}
			of := s.Origins.Select(1, OriginImage).Contiguous()
			is = func(at *torch.Tensor) *torch.Tensor { return of.IndexSelect(0, at.View(-1)).Unsqueeze(0).Eq(images) }
		case SampledNegatives:
			is = func(at *torch.Tensor) *torch.Tensor { return s.drawnAt(n, at).Eq(images.To(torch.Int64)) }
		}
		own := is(all)
		if mixed := draw.moved(all); mixed != nil {
			own = own.Maximum(is(mixed))
		}
		return own
	})
}

// without returns the scores neg [N, K] with those of own, bool [N, K] or nil, struck.
func without(neg, own *torch.Tensor) *torch.Tensor {
	if own == nil {
		return neg
	}
	none := torch.Full([]int{1}, struck, torch.Options{Dtype: neg.Dtype(), Device: neg.Device()})
	return none.Where(own, neg)
}
