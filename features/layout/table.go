package layout

import "math"

// table has the values of a function of positive numbers between powers of two, linear in between: a
// power takes most of the time of a layout otherwise.
type table [(tableHigh-tableLow)<<tableBits + 2]float32

const (
	tableLow, tableHigh = -40, 24 // exponents; beyond them the outermost value holds
	tableBits           = 5       // of the mantissa: 32 values for each power of two
	mantissa            = 23      // bits of a float32
	tableFirst          = uint32(127+tableLow) << mantissa
	tableLast           = uint32(127+tableHigh) << mantissa
)

var pulling, pushing = tabulated(attraction), tabulated(repulsion)

func tabulated(f func(float64) float64) *table {
	var t table
	for i := range t {
		t[i] = float32(f(float64(math.Float32frombits(tableFirst + uint32(i)<<(mantissa-tableBits)))))
	}
	return &t
}

// at returns the value at x > 0.
func (t *table) at(x float32) float32 {
	bits := min(max(math.Float32bits(x), tableFirst), tableLast) - tableFirst
	const below = 1<<(mantissa-tableBits) - 1
	i := bits >> (mantissa - tableBits)
	share := float32(bits&below) / (below + 1)
	return t[i] + share*(t[i+1]-t[i])
}
