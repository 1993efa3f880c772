package layout

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Neighbors is the number of nearest images that UMAP preserves, the image itself among them.
const Neighbors = 15

// curveA and curveB fit 1/(1 + a·x^(2b)) to exp(-(x - minDist)) beyond minDist = 0.1 by least
// squares, which is how near UMAP wants neighbors in the plane to be.
const (
	curveA, curveB = 1.5769434603, 0.8950608780
	minDist        = 0.1
)

const (
	repulsions = 5      // images that a step pushes away for each neighbor that it pulls
	steepest   = 4      // limit of a step's size
	extent     = 10     // half of the width of the first layout
	fewRows    = 10_000 // up to which a first layout takes long passes, as in umap-learn
	long       = 500    // passes of the first layout of few rows
	short      = 200    // of many rows
	again      = 60     // passes of a layout that starts from another one
	// loyalty is the weight with which the place of an image an epoch before pulls it, as a neighbor
	// would: λ of AlignedUMAP's regularization. An image whose neighbors changed moves anyway.
	loyalty = 0.1
	// astray is how many times farther than the median image an image is from where its neighbors were,
	// if it starts there: the pull of UMAP over long ways is too weak for few passes.
	astray = 4
)

// UMAP returns a layout [n, 2] of rows [n, d]. It starts from before, the layout of the same images an
// epoch earlier, with few passes and small steps, and ends aligned with it. Without one it starts from
// the first two columns. The same rows give the same layout, and rows that are all equal one point.
// progress has the share that is done; its error ends the work.
func UMAP(rows []float32, d int, before []float32, progress func(share float64) error) ([]float32, error) {
	n := len(rows) / d
	points := make([]float32, 2*n)
	if onePoint(rows, d) {
		return points, nil // chance alone would spread them
	}
	if before != nil && onePoint(before, 2) {
		before = nil // no force would part them
	}
	k := min(Neighbors, n) - 1
	if before == nil {
		first(points, rows, d)
	} else {
		copy(points, before)
	}
	if k < 1 {
		return points, nil
	}
	near, err := neighbors(rows, d, k, func(share float64) error { return progress(share / 2) })
	if err != nil {
		return nil, err
	}
	passes, rate := short, 1.0
	switch {
	case before != nil:
		passes, rate = again, 1.0
	case n <= fewRows:
		passes = long
	}
	edges := graph(near, n, k)
	if before != nil {
		regroup(points, before, edges)
	}
	later := func(share float64) error { return progress(0.5 + share/2) }
	if err := optimize(points, before, edges, passes, rate, later); err != nil {
		return nil, err
	}
	if before != nil {
		Align(points, before, false)
	}
	return points, nil
}

// first places rows by their first two columns, with a little noise so that no two are at one place.
func first(points, rows []float32, d int) {
	largest := float32(0)
	for i := range len(rows) / d {
		for c := range min(2, d) {
			largest = max(largest, rows[i*d+c], -rows[i*d+c])
		}
	}
	if largest == 0 {
		largest = 1
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range len(rows) / d {
		for c := range min(2, d) {
			points[2*i+c] = extent * rows[i*d+c] / largest
		}
		points[2*i] += 1e-3 * float32(rng.NormFloat64())
		points[2*i+1] += 1e-3 * float32(rng.NormFloat64())
	}
}

// edge pulls two rows together with a weight in (0, 1].
type edge struct {
	from, to int32
	weight   float32
}

// graph is the fuzzy simplicial set of UMAP: row j is a neighbor of row i with the weight
// exp(-(distance - ρᵢ)/σᵢ), where ρᵢ is the distance of the nearest one and σᵢ makes the weights of a
// row add up to log₂ of the number of neighbors. Of two directed weights a and b comes a + b - ab.
func graph(near []Neighbor, n, k int) []edge {
	directed := make([]float64, n*k)
	for i := range n {
		weights(near[i*k:(i+1)*k], directed[i*k:(i+1)*k])
	}
	find := func(i, j int) float64 {
		for l, other := range near[i*k : (i+1)*k] {
			if other.Row == j {
				return directed[i*k+l]
			}
		}
		return 0
	}
	var edges []edge
	for i := range n {
		for l, other := range near[i*k : (i+1)*k] {
			a, b := directed[i*k+l], find(other.Row, i)
			if b > 0 && other.Row < i {
				continue // the other row has it
			}
			if w := float32(a + b - a*b); w > 0 {
				edges = append(edges, edge{int32(i), int32(other.Row), w})
			}
		}
	}
	return edges
}

// weights finds σ by bisection.
func weights(near []Neighbor, w []float64) {
	ρ, mean := 0.0, 0.0
	for _, one := range near {
		if ρ == 0 {
			ρ = one.Near // the nearest that is not at the same place
		}
		mean += one.Near / float64(len(near))
	}
	target := math.Log2(float64(len(near) + 1))
	fill := func(σ float64) (sum float64) {
		for i, one := range near {
			w[i] = 1
			if far := one.Near - ρ; far > 0 {
				w[i] = math.Exp(-far / σ)
			}
			sum += w[i]
		}
		return sum
	}
	low, high := 0.0, math.Inf(1)
	σ := 1.0
	for range 64 {
		sum := fill(σ)
		if math.Abs(sum-target) < 1e-5 {
			break
		}
		if sum > target {
			high = σ
			σ = (low + high) / 2
		} else {
			low = σ
			if math.IsInf(high, 1) {
				σ *= 2
			} else {
				σ = (low + high) / 2
			}
		}
	}
	if least := 1e-3 * mean; σ < least {
		σ = least
	}
	if σ > 0 {
		fill(σ)
	}
}

// regroup moves images that are far from where their neighbors were an epoch before to the weighted mean
// of these places.
func regroup(points, before []float32, edges []edge) {
	n := len(points) / 2
	mean, weight := make([]float32, 2*n), make([]float32, n)
	for _, e := range edges {
		for _, ends := range [2][2]int32{{e.from, e.to}, {e.to, e.from}} {
			i, j := ends[0], ends[1]
			weight[i] += e.weight
			mean[2*i] += e.weight * before[2*j]
			mean[2*i+1] += e.weight * before[2*j+1]
		}
	}
	far := make([]float64, n)
	for i := range n {
		if weight[i] > 0 {
			mean[2*i], mean[2*i+1] = mean[2*i]/weight[i], mean[2*i+1]/weight[i]
			far[i] = math.Hypot(float64(points[2*i]-mean[2*i]), float64(points[2*i+1]-mean[2*i+1]))
		}
	}
	limit := astray * slices.Sorted(slices.Values(far))[n/2]
	for i, f := range far {
		if f > limit {
			copy(points[2*i:2*i+2], mean[2*i:2*i+2])
		}
	}
}

// optimize moves points by stochastic gradient descent on the cross entropy between the graph and the
// plane: in each pass an edge pulls with the frequency of its weight, and pushes its ends from rows
// drawn at random. before, if there is one, holds points near where they were.
func optimize(points, before []float32, edges []edge, passes int, rate float64, progress func(float64) error) error {
	if len(edges) == 0 {
		return nil
	}
	heaviest := slices.MaxFunc(edges, func(a, b edge) int {
		switch {
		case a.weight < b.weight:
			return -1
		case a.weight > b.weight:
			return 1
		}
		return 0
	}).weight
	n := len(points) / 2
	rng := rand.New(rand.NewPCG(5, 6))
	due := make([]float32, len(edges))
	for pass := range passes {
		α := float32(rate * (1 - float64(pass)/float64(passes)))
		for e, one := range edges {
			if due[e] += one.weight / heaviest; due[e] < 1 {
				continue
			}
			due[e]--
			for _, end := range [2]int{int(one.from), int(one.to)} { // both directions of the edge
				pull(points, int(one.from), int(one.to), α)
				for range repulsions {
					push(points, end, rng.IntN(n), α)
				}
				if before != nil {
					hold(points, before, end, α)
				}
			}
		}
		if err := progress(float64(pass+1) / float64(passes)); err != nil {
			return err
		}
	}
	return nil
}

// pull moves two points towards each other: the gradient of log(1/(1 + a·|x-y|^(2b))).
func pull(points []float32, i, j int, α float32) {
	dx, dy := points[2*i]-points[2*j], points[2*i+1]-points[2*j+1]
	d2 := dx*dx + dy*dy
	if d2 == 0 {
		return
	}
	g := pulling.at(d2)
	x, y := α*clip(g*dx), α*clip(g*dy)
	points[2*i], points[2*i+1] = points[2*i]+x, points[2*i+1]+y
	points[2*j], points[2*j+1] = points[2*j]-x, points[2*j+1]-y
}

// push moves point i away from point j: the gradient of log(1 - 1/(1 + a·|x-y|^(2b))).
func push(points []float32, i, j int, α float32) {
	if i == j {
		return
	}
	dx, dy := points[2*i]-points[2*j], points[2*i+1]-points[2*j+1]
	d2 := dx*dx + dy*dy
	if d2 == 0 {
		return // identical images stay together
	}
	g := pushing.at(d2)
	points[2*i], points[2*i+1] = points[2*i]+α*clip(g*dx), points[2*i+1]+α*clip(g*dy)
}

// hold moves a point towards where it was.
func hold(points, before []float32, i int, α float32) {
	dx, dy := points[2*i]-before[2*i], points[2*i+1]-before[2*i+1]
	d2 := dx*dx + dy*dy
	if d2 == 0 {
		return
	}
	g := loyalty * pulling.at(d2)
	points[2*i], points[2*i+1] = points[2*i]+α*clip(g*dx), points[2*i+1]+α*clip(g*dy)
}

// attraction and repulsion are the factors of x - y in these gradients, by the squared distance.
func attraction(d2 float64) float64 {
	p := math.Pow(d2, curveB)
	return -2 * curveA * curveB * p / d2 / (1 + curveA*p)
}

func repulsion(d2 float64) float64 {
	return 2 * curveB / ((0.001 + d2) * (1 + curveA*math.Pow(d2, curveB)))
}

func clip(v float32) float32 { return max(-steepest, min(steepest, v)) }
