package data

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
)

// HoldOut splits a tenth off a dataset whose images all have classes, to test on: in every
// class of at least two images about a tenth, and at least one. Which images they are
// depends on their file names and classes alone, by a fixed hash: the folder may move, and
// images may be added, and an image stays where it was. held is nil if no class has two
// images.
func HoldOut(d Dataset) (rest, held Dataset) { return holdOut(d, "hold out") }

// Validation splits another tenth off, by another hash, to choose settings on.
func Validation(d Dataset) (rest, held Dataset) { return holdOut(d, "validation") }

func holdOut(d Dataset, salt string) (rest, held Dataset) {
	type place struct {
		hash  uint64
		index int
	}
	classes := map[int][]place{}
	for i := range d.Len() {
		l := d.Label(i)
		sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%s", salt, className(d, l), filepath.Base(d.Path(i))))
		classes[l] = append(classes[l], place{binary.BigEndian.Uint64(sum[:]), i})
	}
	out := make([]bool, d.Len())
	for _, all := range classes {
		slices.SortFunc(all, func(a, b place) int {
			if a.hash != b.hash {
				if a.hash < b.hash {
					return -1
				}
				return 1
			}
			return a.index - b.index
		})
		for n, p := range all[:len(all)-1] { // one image stays
			out[p.index] = n == 0 || p.hash < (1<<64-1)/10
		}
	}
	var stay, leave []int
	for i, held := range out {
		if held {
			leave = append(leave, i)
		} else {
			stay = append(stay, i)
		}
	}
	if len(leave) == 0 {
		return d, nil
	}
	return Select(d, stay), Select(d, leave)
}

// className returns the name of a class, or its number if it has none.
func className(d Dataset, label int) string {
	if names := d.Classes(); label >= 0 && label < len(names) {
		return names[label]
	}
	return fmt.Sprint(label)
}
