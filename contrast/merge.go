package contrast

import "slices"

// Merge adds the statistics t of further queries, for example of CMC's other modality,
// so that s describes both as one batch. Uniformity, which is defined on pairs, and the λ
// become the mean of both.
func (s *Statistics) Merge(t *Statistics) {
	n, more := float64(len(s.Seen.Positives)), float64(len(t.Seen.Positives))
	mean := func(a, b float64) float64 { return (n*a + more*b) / (n + more) }
	s.Raw.merge(&t.Raw, mean)
	s.Seen.merge(&t.Seen, mean)
	for _, p := range [][2]*float64{
		{&s.Entropy, &t.Entropy}, {&s.Gradient, &t.Gradient}, {&s.Alignment, &t.Alignment}, {&s.Uniformity, &t.Uniformity},
		{&s.LambdaPositive, &t.LambdaPositive}, {&s.LambdaNegative, &t.LambdaNegative},
	} {
		*p[0] = mean(*p[0], *p[1])
	}
}

// merge adds the scores of other queries; both histograms must have the same bounds. It
// makes new slices, because Seen and Raw share theirs if nothing is transformed.
func (d *Distribution) merge(t *Distribution, mean func(a, b float64) float64) {
	n, more := float64(len(d.Positives)), float64(len(t.Positives))
	apart := d.PosMean - t.PosMean
	squares := d.PosVar*(n-1) + t.PosVar*(more-1) + apart*apart*n*more/(n+more)
	d.PosVar = squares / max(1, n+more-1)
	for _, p := range [][2]*float64{
		{&d.PosMean, &t.PosMean}, {&d.PosExp, &t.PosExp}, {&d.NegMean, &t.NegMean}, {&d.NegVar, &t.NegVar},
		{&d.NegExp, &t.NegExp}, {&d.Hardest, &t.Hardest},
	} {
		*p[0] = mean(*p[0], *p[1])
	}
	d.Positives = slices.Concat(d.Positives, t.Positives)
	d.Negatives = slices.Clone(d.Negatives)
	for i, count := range t.Negatives {
		d.Negatives[i] += count
	}
}
