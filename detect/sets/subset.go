package sets

import (
	"math"
	"math/rand/v2"
	"slices"

	"contralens/detect"
)

// Fraction keeps a share of the images, at least one, chosen by seed. With the same seed a
// smaller share is part of a larger one. The images keep their order.
func Fraction(set *detect.Set, share float64, seed uint64) *detect.Set {
	n := int(math.RoundToEven(share * float64(len(set.Images))))
	return choose(set, n, seed)
}

// Limit keeps n images as Fraction does; 0 keeps all.
func Limit(set *detect.Set, n int, seed uint64) *detect.Set {
	if n == 0 {
		return set
	}
	return choose(set, n, seed)
}

func choose(set *detect.Set, n int, seed uint64) *detect.Set {
	if n >= len(set.Images) {
		return set
	}
	order := rand.New(rand.NewPCG(seed, 0x6465746563740001)).Perm(len(set.Images))[:min(max(1, n), len(set.Images))]
	slices.Sort(order)
	out := *set
	out.Images = make([]detect.Image, len(order))
	for i, at := range order {
		out.Images[i] = set.Images[at]
	}
	return &out
}

// Trainable drops what training does not use: crowds, and images without any other object. It
// returns how many images it dropped.
func Trainable(set *detect.Set) (*detect.Set, int) {
	out := *set
	out.Images = nil
	for _, m := range set.Images {
		if slices.ContainsFunc(m.Objects, func(o detect.Object) bool { return o.Crowd }) {
			m.Objects = slices.DeleteFunc(slices.Clone(m.Objects), func(o detect.Object) bool { return o.Crowd })
		}
		if len(m.Objects) > 0 {
			out.Images = append(out.Images, m)
		}
	}
	return &out, len(set.Images) - len(out.Images)
}

// Counts returns the number of objects of each class, and how many images have any.
func Counts(set *detect.Set) (objects, images []int) {
	objects, images = make([]int, len(set.Classes)), make([]int, len(set.Classes))
	for _, m := range set.Images {
		seen := map[int]bool{}
		for _, o := range m.Objects {
			objects[o.Class]++
			if !seen[o.Class] {
				seen[o.Class] = true
				images[o.Class]++
			}
		}
	}
	return objects, images
}
