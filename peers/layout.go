package peers

import (
	"fmt"
	"strconv"
	"strings"
)

// LayoutTexts writes a layout of buckets, one text each: "3 4 5".
func LayoutTexts(layout [][]int) (texts []string) {
	for _, bucket := range layout {
		texts = append(texts, strings.Trim(fmt.Sprint(bucket), "[]"))
	}
	return texts
}

// LayoutOf reads what LayoutTexts wrote; a text that is not ours gives nil.
func LayoutOf(texts []string) (layout [][]int) {
	for _, text := range texts {
		var bucket []int
		for _, field := range strings.Fields(text) {
			i, err := strconv.Atoi(field)
			if err != nil {
				return nil
			}
			bucket = append(bucket, i)
		}
		layout = append(layout, bucket)
	}
	return layout
}
