// Package humanize formats numbers for people.
package humanize

import (
	"fmt"
	"strconv"
)

// Number formats x with three significant digits and without an exponent: 1960, 12.3,
// 0.0178.
func Number(x float64) string {
	x, _ = strconv.ParseFloat(strconv.FormatFloat(x, 'e', 2, 64), 64)
	return strconv.FormatFloat(x, 'f', -1, 64)
}

// Count formats a number of things: 1 thread, 2 threads.
func Count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}
