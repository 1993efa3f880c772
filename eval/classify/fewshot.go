package classify

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"contralens/internal/option"
)

// DrawLabels draws n images of each class, without repetition, and returns their indices in
// rising order: the images that have labels in a few-shot evaluation. labels has the class of
// every image, and names those of the classes. The draw depends on the seed and its number
// alone, not on how many draws there are.
func DrawLabels(labels []int64, names []string, n int, seed, number uint64) ([]int, error) {
	byClass := make([][]int, len(names))
	for i, l := range labels {
		byClass[l] = append(byClass[l], i)
	}
	rng := rand.New(rand.NewPCG(seed, 0x666577<<32|number))
	var drawn []int
	for c, all := range byClass {
		if len(all) < n {
			return nil, &option.Error{
				Name: "few_shot", Want: fmt.Sprintf("at most %d labels, the number of training images of %s", len(all), names[c]),
				Got: fmt.Sprint(n),
			}
		}
		for _, i := range rng.Perm(len(all))[:n] {
			drawn = append(drawn, all[i])
		}
	}
	slices.Sort(drawn)
	return drawn, nil
}
