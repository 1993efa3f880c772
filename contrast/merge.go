package contrast

import "slices"

// Merge takes in the statistics t of other queries, with CMC those of the other
// modality: s is then what it would be had they been one batch. Uniformity, which
// looks at pairs, is the mean of both batches' instead, and so are the λ.
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

// merge takes in other queries' scores, whose histogram has the same bounds. It
// makes new slices, since Seen and Raw share theirs when nothing is transformed.
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
