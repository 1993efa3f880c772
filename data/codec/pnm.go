package codec

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"contralens/views"
)

// pnm is a file of Netpbm's formats: P1 and P4 bits, P2 and P5 gray, P3 and P6 color; the
// first of each has its numbers as text.
type pnm struct {
	kind, w, h, most int
	channels         int
	rest             []byte
}

// isPNM reports whether a file begins as PBM, PGM and PPM files do.
func isPNM(b []byte) bool {
	return len(b) > 2 && b[0] == 'P' && b[1] >= '1' && b[1] <= '6' && bytes.IndexByte([]byte(" \t\r\n"), b[2]) >= 0
}

// number reads the next number of a header or of pixels in text. Comments begin with #.
func (p *pnm) number() (int, error) {
	for {
		p.rest = bytes.TrimLeft(p.rest, " \t\r\n\v\f")
		if len(p.rest) == 0 || p.rest[0] != '#' {
			break
		}
		_, p.rest, _ = bytes.Cut(p.rest, []byte("\n"))
	}
	n := 0
	for n < len(p.rest) && p.rest[n] >= '0' && p.rest[n] <= '9' && n < 10 {
		n++
	}
	if n == 0 {
		return 0, errors.New("a number of the Netpbm file is missing")
	}
	v := 0
	for _, c := range p.rest[:n] {
		v = 10*v + int(c-'0')
	}
	p.rest = p.rest[n:]
	return v, nil
}

func readPNM(file []byte) (*pnm, error) {
	p := &pnm{kind: int(file[1] - '0'), most: 1, channels: 1, rest: file[2:]}
	fields := []*int{&p.w, &p.h, &p.most}
	if p.kind == 1 || p.kind == 4 {
		fields = fields[:2]
	}
	if p.kind == 3 || p.kind == 6 {
		p.channels = 3
	}
	for _, f := range fields {
		var err error
		if *f, err = p.number(); err != nil {
			return nil, err
		}
	}
	if p.most < 1 || p.most > 65535 || len(p.rest) == 0 {
		return nil, fmt.Errorf("its largest value is %d, want 1 to 65535", p.most)
	}
	if p.kind > 3 {
		p.rest = p.rest[1:] // one blank before the pixels
	}
	return p, nil
}

func pnmSize(file []byte) (w, h int, err error) {
	p, err := readPNM(file)
	if err != nil {
		return 0, 0, err
	}
	return p.w, p.h, nil
}

// decodePNM decodes a Netpbm file. Values are scaled to 0 … 255, and gray of more than 8
// bits to 0 … 65535 first, as in Pillow.
func decodePNM(file []byte, dst *views.Image, gray Gray16) error {
	p, err := readPNM(file)
	if err != nil {
		return err
	}
	values, err := p.values()
	if err != nil {
		return err
	}
	dst.Resize(p.w, p.h)
	deep := p.channels == 1 && p.most > 255
	out := 255.0
	if deep {
		out = 65535
	}
	scale := func(v uint16) uint16 { return uint16(min(out, math.RoundToEven(float64(v)/float64(p.most)*out))) }
	to8 := func(v uint16) uint8 { return uint8(scale(v)) }
	if deep {
		low, high := uint16(65535), uint16(0)
		for _, v := range values {
			low, high = min(low, scale(v)), max(high, scale(v))
		}
		table := gray.between(low, high)
		to8 = func(v uint16) uint8 { return table(scale(v)) }
	}
	for i := range p.w * p.h {
		for c := range 3 {
			dst.Pix[3*i+c] = to8(values[i*p.channels+c%p.channels])
		}
	}
	return nil
}

// values reads all samples.
func (p *pnm) values() ([]uint16, error) {
	n := p.w * p.h * p.channels
	ends := func(got int) error { return fmt.Errorf("its pixels end early, after %d of %d values", got, n) }
	size, row := 1, p.w*p.channels
	switch {
	case p.kind == 4:
		row = (p.w + 7) / 8
	case p.most > 255:
		size = 2
	}
	if least := p.h * row * size; len(p.rest) < least && (p.kind > 3 || 2*len(p.rest) < least) {
		return nil, ends(len(p.rest) / size) // before memory for pixels that are not there
	}
	all := make([]uint16, 0, n)
	for i := range n {
		switch {
		case p.kind == 4:
			x, y := i%p.w, i/p.w
			all = append(all, uint16(^p.rest[y*row+x/8]>>(7-x%8)&1))
		case p.kind == 1:
			p.rest = bytes.TrimLeft(p.rest, " \t\r\n\v\f")
			if len(p.rest) == 0 {
				return nil, ends(i)
			}
			all = append(all, uint16('1'-p.rest[0])&1)
			p.rest = p.rest[1:]
		case p.kind < 4:
			v, err := p.number()
			if err != nil || v > 65535 {
				return nil, ends(i)
			}
			all = append(all, uint16(v))
		case size == 2:
			all = append(all, uint16(p.rest[2*i])<<8|uint16(p.rest[2*i+1]))
		default:
			all = append(all, uint16(p.rest[i]))
		}
	}
	return all, nil
}
