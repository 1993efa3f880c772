package table

import (
	"fmt"
	"math"
	"slices"
)

// Neighbor is an image near another one.
type Neighbor struct {
	Path       string  `json:"path"`
	Similarity float64 `json:"similarity"` // cosine; 1 for the same direction
}

// Nearest returns the k rows of a file with the highest cosine similarity to a query,
// the best first. It skips the row with the path exclude.
func Nearest(path string, query []float32, k int, exclude string) ([]Neighbor, error) {
	length := norm(query)
	if !(length > 0) {
		return nil, fmt.Errorf("the query has no features: its image could not be read")
	}
	var best []Neighbor
	_, err := Each(path, func(r Row) error {
		if len(r.Feature) != len(query) {
			return fmt.Errorf("want %d features per image, as in the query, got %d: was another encoder used?",
				len(query), len(r.Feature))
		}
		s := dot(query, r.Feature) / (length * norm(r.Feature))
		if r.Path == exclude || math.IsNaN(s) || (len(best) == k && s <= best[k-1].Similarity) {
			return nil
		}
		at, _ := slices.BinarySearchFunc(best, s, func(n Neighbor, s float64) int {
			if n.Similarity >= s { // equal ones stay in the file's order
				return -1
			}
			return 1
		})
		best = slices.Insert(best, at, Neighbor{r.Path, s})
		best = best[:min(len(best), k)]
		return nil
	})
	return best, err
}

// Find returns the features and the metadata of one row by its path; feature is nil if
// there is none.
func Find(path, name string) (feature []float32, meta map[string]string, err error) {
	meta, err = Each(path, func(r Row) error {
		if r.Path == name {
			feature = slices.Clone(r.Feature)
		}
		return nil
	})
	return feature, meta, err
}

func dot(a, b []float32) float64 {
	s := 0.0
	for i := range a {
		s += float64(a[i]) * float64(b[i])
	}
	return s
}

func norm(a []float32) float64 { return math.Sqrt(dot(a, a)) }
