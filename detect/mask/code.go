package mask

import (
	"encoding/json"
	"fmt"
	"math"
)

// Code returns COCO's text of the runs: from the fourth on, each is coded as its difference to
// the run before the last; numbers are in groups of 5 bits, the lowest first, each group a
// character from '0' with 32 added if more follow.
func (r *RLE) Code() string {
	var text []byte
	for i, c := range r.Counts {
		x := int64(c)
		if i > 2 {
			x -= int64(r.Counts[i-2])
		}
		for more := true; more; {
			group := byte(x & 31)
			x >>= 5
			if group&16 != 0 {
				more = x != -1
			} else {
				more = x != 0
			}
			if more {
				group |= 32
			}
			text = append(text, group+'0')
		}
	}
	return string(text)
}

// Parse reads the runs of a mask from COCO's text. A text that is no code, or whose runs do
// not fill the size, is an error.
func Parse(text string, height, width int) (*RLE, error) {
	r := &RLE{Height: height, Width: width}
	if err := checkSize(height, width); err != nil {
		return nil, err
	}
	for at := 0; at < len(text); {
		var x int64
		for shift := uint(0); ; shift += 5 {
			if at == len(text) {
				return nil, fmt.Errorf("mask of %d x %d pixels: its code ends within a number", width, height)
			}
			c := text[at] - '0'
			if c > 63 || shift > 30 {
				return nil, fmt.Errorf("mask of %d x %d pixels: want a code of characters from '0' to 'o', "+
					"with numbers of at most 7, got %q at %d", width, height, text[at], at)
			}
			at++
			x |= int64(c&31) << shift
			if c&32 == 0 {
				if c&16 != 0 {
					x |= -1 << (shift + 5)
				}
				break
			}
		}
		if n := len(r.Counts); n > 2 {
			x += int64(r.Counts[n-2])
		}
		if x < 0 || x > math.MaxUint32 {
			return nil, fmt.Errorf("mask of %d x %d pixels: want runs from 0 to %d pixels, got %d", width, height, most, x)
		}
		r.Counts = append(r.Counts, uint32(x))
	}
	return r, r.Check()
}

// coded is how COCO writes an RLE in JSON. Counts are a text or a list of runs.
type coded struct {
	Size   []int           `json:"size"` // height, width
	Counts json.RawMessage `json:"counts"`
}

// MarshalJSON writes {"size": [height, width], "counts": text}.
func (r *RLE) MarshalJSON() ([]byte, error) {
	counts, err := json.Marshal(r.Code())
	if err != nil {
		return nil, err
	}
	return json.Marshal(coded{[]int{r.Height, r.Width}, counts})
}

// UnmarshalJSON reads both forms of COCO, with counts as a text or as a list.
func (r *RLE) UnmarshalJSON(b []byte) error {
	var c coded
	if err := json.Unmarshal(b, &c); err != nil {
		return fmt.Errorf("mask: want an object with size and counts: %w", err)
	}
	if len(c.Size) != 2 {
		return fmt.Errorf("mask: want a size of [height, width], got %v", c.Size)
	}
	var text string
	if json.Unmarshal(c.Counts, &text) == nil {
		parsed, err := Parse(text, c.Size[0], c.Size[1])
		if err == nil {
			*r = *parsed
		}
		return err
	}
	list := RLE{Height: c.Size[0], Width: c.Size[1]}
	if err := json.Unmarshal(c.Counts, &list.Counts); err != nil {
		return fmt.Errorf("mask: want counts as a text or as a list of whole numbers: %w", err)
	}
	if err := list.Check(); err != nil {
		return err
	}
	*r = list
	return nil
}
