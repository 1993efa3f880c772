package box

import "math/rand/v2"

// Choose picks k of the numbers 0 … n-1, where k ≤ n.
type Choose func(n, k int) []int

// ChooseFirst picks the first k, for comparisons that must not depend on chance.
func ChooseFirst(_, k int) []int {
	all := make([]int, k)
	for i := range all {
		all[i] = i
	}
	return all
}

// ChooseRandom returns a function that picks k numbers uniformly, in random order.
func ChooseRandom(rng *rand.Rand) Choose {
	return func(n, k int) []int {
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		for i := range k {
			j := i + rng.IntN(n-i)
			all[i], all[j] = all[j], all[i]
		}
		return all[:k]
	}
}

// Sample picks up to n candidates by their labels, at most ⌊n · fraction⌋ of them in the
// foreground; the background fills the rest. It returns indices of candidates. Candidates
// that are Ignored are never picked.
func Sample(labels []int8, n int, fraction float64, choose Choose) (foreground, background []int) {
	for i, l := range labels {
		switch l {
		case Foreground:
			foreground = append(foreground, i)
		case Background:
			background = append(background, i)
		}
	}
	foreground = pick(foreground, int(float64(n)*fraction), choose)
	background = pick(background, n-len(foreground), choose)
	return foreground, background
}

func pick(from []int, n int, choose Choose) []int {
	chosen := choose(len(from), min(n, len(from)))
	picked := make([]int, len(chosen))
	for i, c := range chosen {
		picked[i] = from[c]
	}
	return picked
}
