package config

import "strings"

// Nearest returns the name with the fewest edits to the mistyped one, or the name that the
// mistyped one abbreviates, in upper or lower case. It returns "" if none is near.
func Nearest(mistyped string, names []string) string {
	if mistyped == "" {
		return "" // near to nothing
	}
	mistyped = strings.ToLower(mistyped)
	best, fewest := "", len(mistyped)/2+1
	for _, n := range names {
		if d := edits(mistyped, strings.ToLower(n)); d < fewest {
			best, fewest = n, d
		}
	}
	for _, n := range names {
		if initials(n) == mistyped {
			return n
		}
	}
	if best == "" && len(mistyped) > 2 {
		for _, n := range names {
			if low := strings.ToLower(n); strings.HasPrefix(low, mistyped) || strings.HasSuffix(low, mistyped) {
				return n
			}
		}
	}
	return best
}

// initials returns the first letters of a name's words: lr for learning_rate.
func initials(name string) string {
	var b strings.Builder
	for _, word := range strings.Split(name, "_") {
		if word != "" && strings.Contains(name, "_") {
			b.WriteByte(word[0])
		}
	}
	return b.String()
}

// edits returns how many letters must be inserted, deleted, replaced or swapped with a
// neighbor to turn a into b.
func edits(a, b string) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		two := before
		before, row = row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(before[j]+1, row[j-1]+1, before[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], two[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
