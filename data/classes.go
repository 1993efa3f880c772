package data

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
)

// ClassCounts returns the number of images of each class.
func ClassCounts(d Dataset) []int {
	n := make([]int, len(d.Classes()))
	for i := range d.Len() {
		if l := d.Label(i); l >= 0 {
			n[l]++
		}
	}
	return n
}

// LongTail keeps, of class c of C,
//
//	n_c = ⌊n_max F^(-c/(C-1))⌋
//
// images, but at least one: the exponential profile of Cao et al. (2019). F, the
// imbalance factor, is the size of the first class divided by that of the last; n_max
// is the size of the largest class. Classes with fewer than n_c images keep them all.
// Which images are kept depends only on the seed.
func LongTail(d Dataset, factor float64, seed uint64) (Dataset, error) {
	if factor < 1 || math.IsNaN(factor) || math.IsInf(factor, 0) {
		return nil, fmt.Errorf("want a factor of at least 1, got %v", factor)
	}
	counts := ClassCounts(d)
	if len(counts) < 2 {
		return nil, fmt.Errorf("want a dataset of at least 2 classes, %s has %d", d.Name(), len(counts))
	}
	most := float64(slices.Max(counts))
	return draw(d, seed, func(class int) int {
		n := math.Floor(most*math.Pow(factor, -float64(class)/float64(len(counts)-1)) + 1e-9)
		return min(counts[class], max(1, int(n)))
	}), nil
}

// Fraction keeps the given share of the images of every class, rounded, but at least
// one image, as in semi-supervised evaluation. Which images are kept depends only on
// the seed.
func Fraction(d Dataset, share float64, seed uint64) (Dataset, error) {
	if !(share > 0 && share <= 1) {
		return nil, fmt.Errorf("want a share above 0 and at most 1, got %v", share)
	}
	counts := ClassCounts(d)
	return draw(d, seed, func(class int) int {
		return min(counts[class], max(1, int(math.Round(share*float64(counts[class])))))
	}), nil
}

// Split divides the indices of a dataset's images in two, class by class. second gets
// the given share of each class; if the class has two or more images, at least one.
func Split(d Dataset, share float64, seed uint64) (first, second []int) {
	for class, members := range members(d) {
		shuffle(members, seed, class)
		n := 0
		if len(members) > 1 {
			n = max(1, int(math.Round(share*float64(len(members)))))
		}
		first, second = append(first, members[n:]...), append(second, members[:n]...)
	}
	slices.Sort(first)
	slices.Sort(second)
	return first, second
}

// draw selects n(class) random images of every class, in the dataset's order.
func draw(d Dataset, seed uint64, n func(class int) int) Dataset {
	var indices []int
	for class, members := range members(d) {
		shuffle(members, seed, class)
		indices = append(indices, members[:n(class)]...)
	}
	slices.Sort(indices)
	return Select(d, indices)
}

// members lists the indices of every class's images.
func members(d Dataset) [][]int {
	all := make([][]int, len(d.Classes()))
	for i := range d.Len() {
		if l := d.Label(i); l >= 0 {
			all[l] = append(all[l], i)
		}
	}
	return all
}

func shuffle(list []int, seed uint64, class int) {
	r := rand.New(rand.NewPCG(seed^0x636c617373, uint64(class)))
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
}

// ClassBalanced returns the images of one epoch: as many as d has, sampled so that
// every class occurs equally often, to within one image.
func ClassBalanced(d Dataset, seed uint64, epoch int) Dataset {
	labels := make([]int64, d.Len())
	for i := range labels {
		labels[i] = int64(d.Label(i))
	}
	return Select(d, BalancedOrder(labels, seed, epoch))
}

// BalancedOrder samples as many indices as there are labels, so that every class occurs
// equally often, to within one. The images of a class come in shuffled order; when they
// are used up, they start over. The order depends only on seed and epoch.
func BalancedOrder(labels []int64, seed uint64, epoch int) []int {
	byClass := map[int64][]int{}
	for i, l := range labels {
		byClass[l] = append(byClass[l], i)
	}
	r := rand.New(rand.NewPCG(seed^0x62616c616e6365, uint64(epoch)))
	var classes [][]int
	for _, l := range slices.Sorted(maps.Keys(byClass)) {
		list := byClass[l]
		r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		classes = append(classes, list)
	}
	r.Shuffle(len(classes), func(i, j int) { classes[i], classes[j] = classes[j], classes[i] })
	order := make([]int, len(labels))
	for i := range order {
		list := classes[i%len(classes)]
		order[i] = list[i/len(classes)%len(list)]
	}
	r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	return order
}
