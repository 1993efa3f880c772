package sets

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// short formats a coordinate.
func short(v float64) string { return strconv.FormatFloat(v, 'f', -1, 32) }

// plural formats a number with the verb that goes with it.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// listed lists names with their counts, the most frequent first.
func listed(counts map[string]int) string {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
	})
	var text []string
	for i, n := range names {
		if i == 10 {
			text = append(text, "…")
			break
		}
		text = append(text, fmt.Sprintf("%d %s", counts[n], n))
	}
	return strings.Join(text, ", ")
}

// quoted lists names for a message.
func quoted(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	if len(names) > 12 {
		names = append(slices.Clone(names[:12]), "…")
	}
	return strings.Join(names, ", ")
}
