package look

import (
	"cmp"
	"math/bits"
	"slices"
	"sync"
)

// Group is a set of images that show the same.
type Group struct {
	Images []Picture
	Exact  bool    // the files have the same content
	Least  float64 // the smallest correlation that joined two of them; 1 if Exact
	Leak   bool    // they are in different splits: a test would be too easy
	Labels bool    // they have different classes
}

// Duplicates are the images that occur more than once.
type Duplicates struct {
	Groups []Group // leaks first, then exact ones, then the largest and the most alike
	// Counts of groups, and of images that could be removed without losing a picture.
	Exact, Near, Leaks, Labels, Surplus int
	Blank                               int     // images of one color, which are not compared
	Compared                            int     // images that were compared with all others
	Bucketed                            bool    // only images with similar hashes were compared
	Alike                               bool    // most images are alike, so that Limit is higher
	Limit                               float64 // correlation from which images count as near-duplicates
}

// most is the number of images up to which all pairs are compared. Of more, those that
// share 16 bits of their hash.
const most = 120_000

// pair is two images that look alike.
type pair struct {
	a, b        int
	correlation float64
}

// duplicates groups the images that were seen.
func duplicates(all []split, photos []*photo, workers int, seed uint64, end deadline) (d Duplicates, complete bool) {
	union := newUnion(len(photos))
	first := map[[16]byte]int{}
	distinct := []int{} // one image of each content
	for i, p := range photos {
		if j, ok := first[p.content]; ok {
			union.join(i, j, 1)
			continue
		}
		first[p.content] = i
		if p.blank {
			d.Blank++
			continue
		}
		distinct = append(distinct, i)
	}
	d.Limit, d.Alike = likeness(photos, distinct, seed)
	var pairs []pair
	if len(distinct) <= most {
		pairs, d.Compared = comparePairs(photos, distinct, d.Limit, workers, end)
	} else {
		d.Bucketed = true
		pairs, d.Compared = compareBuckets(photos, distinct, d.Limit, end)
	}
	for _, p := range pairs {
		union.join(p.a, p.b, p.correlation)
	}
	for _, members := range union.groups() {
		d.add(describe(all, photos, members, union.least[union.find(members[0])]))
	}
	slices.SortStableFunc(d.Groups, func(a, b Group) int {
		return cmp.Or(order(a.Leak, b.Leak), order(a.Exact, b.Exact), len(b.Images)-len(a.Images),
			cmp.Compare(b.Least, a.Least))
	})
	d.Groups = withLabels(d.Groups)
	return d, d.Compared == len(distinct)
}

// order sorts true before false.
func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// withLabels moves some of the groups with different classes to the end of those that are
// shown, unless enough are shown anyway.
func withLabels(groups []Group) []Group {
	if len(groups) <= shownGroups {
		return groups
	}
	front := groups[:shownGroups]
	shown := 0
	for _, g := range front {
		if g.Labels {
			shown++
		}
	}
	var moved, rest []Group
	for _, g := range groups[shownGroups:] {
		if g.Labels && shown+len(moved) < shownConflicts {
			moved = append(moved, g)
		} else {
			rest = append(rest, g)
		}
	}
	// Of those in front, the last ones of one class give way.
	var kept, replaced []Group
	for i := len(front) - 1; i >= 0; i-- {
		if g := front[i]; !g.Labels && len(replaced) < len(moved) {
			replaced = append(replaced, g)
		} else {
			kept = append(kept, g)
		}
	}
	slices.Reverse(kept)
	slices.Reverse(replaced)
	return slices.Concat(kept, moved, replaced, rest)
}

func (d *Duplicates) add(g Group) {
	d.Groups = append(d.Groups, g)
	d.Surplus += len(g.Images) - 1
	if g.Exact {
		d.Exact++
	} else {
		d.Near++
	}
	if g.Leak {
		d.Leaks++
	}
	if g.Labels {
		d.Labels++
	}
}

// describe makes a group of images.
func describe(all []split, photos []*photo, members []int, least float64) Group {
	g := Group{Exact: true, Least: least}
	head := photos[members[0]]
	class := func(p *photo) int { return all[p.split].data.Label(p.index) }
	for _, i := range members {
		p := photos[i]
		g.Images = append(g.Images, pictureOf(all, p))
		g.Exact = g.Exact && p.content == head.content
		g.Leak = g.Leak || p.split != head.split
		g.Labels = g.Labels || (class(p) != class(head) && class(p) >= 0 && class(head) >= 0)
	}
	return g
}

// comparePairs compares all pairs, row by row, until the time is over. It returns the pairs
// in order, and how many images were compared with all others.
func comparePairs(
	photos []*photo, which []int, least float64, workers int, end deadline,
) (pairs []pair, compared int) {
	found := make([][]pair, len(which))
	hashes := make([]uint64, len(which))
	for i, at := range which {
		hashes[i] = photos[at].hash
	}
	var mu sync.Mutex
	row := 0
	take := func() int {
		mu.Lock()
		defer mu.Unlock()
		if row == len(which) || (row > 0 && row%64 == 0 && end.passed()) {
			return -1
		}
		row++
		return row - 1
	}
	var wait sync.WaitGroup
	for range workers {
		wait.Go(func() {
			for i := take(); i >= 0; i = take() {
				for k, h := range hashes[i+1:] {
					if bits.OnesCount64(h^hashes[i]) > nearBits {
						continue
					}
					a, b := which[i], which[i+1+k]
					if c, ok := near(photos[a].fingerprint, photos[b].fingerprint, least); ok {
						found[i] = append(found[i], pair{a, b, c})
					}
				}
			}
		})
	}
	wait.Wait()
	return slices.Concat(found...), row
}

// compareBuckets compares the images that share one of the four 16-bit parts of their hash.
// It finds all pairs that differ in at most three bits, and most of those that differ in a
// few more.
func compareBuckets(photos []*photo, which []int, least float64, end deadline) (pairs []pair, compared int) {
	buckets := [4]map[uint16][]int{{}, {}, {}, {}}
	for n, i := range which {
		if n%1024 == 0 && n > 0 && end.passed() {
			return pairs, n
		}
		for part := range buckets {
			key := uint16(photos[i].hash >> (16 * part))
			for _, j := range buckets[part][key] {
				if sharesPart(photos[i].hash^photos[j].hash, part) {
					continue // compared already
				}
				if c, ok := near(photos[j].fingerprint, photos[i].fingerprint, least); ok {
					pairs = append(pairs, pair{j, i, c})
				}
			}
			buckets[part][key] = append(buckets[part][key], i)
		}
	}
	return pairs, len(which)
}

// sharesPart reports whether one of the first n 16-bit parts of a difference is 0.
func sharesPart(difference uint64, n int) bool {
	for part := range n {
		if uint16(difference>>(16*part)) == 0 {
			return true
		}
	}
	return false
}

// union joins elements to disjoint sets.
type union struct {
	parent []int
	least  []float64 // of each set, at its root: the smallest correlation that joined two
}

func newUnion(n int) *union {
	u := &union{make([]int, n), make([]float64, n)}
	for i := range n {
		u.parent[i], u.least[i] = i, 1
	}
	return u
}

// find returns the root of an element's set, which is its first element.
func (u *union) find(i int) int {
	for u.parent[i] != i {
		u.parent[i] = u.parent[u.parent[i]]
		i = u.parent[i]
	}
	return i
}

func (u *union) join(i, j int, correlation float64) {
	i, j = u.find(i), u.find(j)
	if i == j {
		return
	}
	if j < i {
		i, j = j, i
	}
	u.parent[j] = i
	u.least[i] = min(u.least[i], u.least[j], correlation)
}

// groups returns the sets of two elements or more, in the order of their first elements.
func (u *union) groups() (all [][]int) {
	at := map[int]int{} // index in all, by root
	for i := range u.parent {
		root := u.find(i)
		if root == i {
			continue
		}
		if _, ok := at[root]; !ok {
			at[root] = len(all)
			all = append(all, []int{root})
		}
		all[at[root]] = append(all[at[root]], i)
	}
	return all
}
