// Package humanize formats numbers for people.
package humanize

import (
	"fmt"
	"strconv"
	"time"
)

// Number formats x with three significant digits and without an exponent: 1960, 12.3,
// 0.0178.
func Number(x float64) string { return Digits(x, 3) }

// Count formats a number of things: 1 thread, 2 threads.
func Count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// Duration formats a time roughly, as people would say it: 8 s, 12 min, 3.5 h, 12 days.
func Duration(d time.Duration) string {
	s := d.Seconds()
	switch {
	case s < 99.5:
		return fmt.Sprintf("%.0f s", s)
	case s < 99.5*60:
		return fmt.Sprintf("%.0f min", s/60)
	case s < 9.95*3600:
		return fmt.Sprintf("%.1f h", s/3600)
	case s < 47.5*3600:
		return fmt.Sprintf("%.0f h", s/3600)
	}
	return fmt.Sprintf("%.0f days", s/86400)
}

// Digits formats x with n significant digits and without an exponent.
func Digits(x float64, n int) string {
	x, _ = strconv.ParseFloat(strconv.FormatFloat(x, 'e', n-1, 64), 64)
	return strconv.FormatFloat(x, 'f', -1, 64)
}

// Grouped formats a whole number with commas between groups of three digits: 60,000.
func Grouped(n int) string {
	if n < 0 {
		return "-" + Grouped(-n)
	}
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// Bytes describes a size: 500 bytes, 12 kB, 33.1 MB, 1.2 GB.
func Bytes(n int64) string {
	switch {
	case n < 1e3:
		return Count(int(n), "byte")
	case n < 1e6:
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	case n < 1e9:
		return Number(float64(n)/1e6) + " MB"
	}
	return Number(float64(n)/1e9) + " GB"
}
