package views

// lookup maps every value of every channel.
func (m *Image) lookup(f func(uint8) uint8) {
	var table [256]uint8
	for v := range table {
		table[v] = f(uint8(v))
	}
	for i, v := range m.Pix {
		m.Pix[i] = table[v]
	}
}

// counts returns the histogram of each channel.
func (m *Image) counts() (n [3][256]int) {
	for i := 0; i < len(m.Pix); i += 3 {
		p := m.Pix[i : i+3 : i+3]
		n[0][p[0]]++
		n[1][p[1]]++
		n[2][p[2]]++
	}
	return n
}

func (m *Image) lookupEach(table *[3][256]uint8) {
	for i := 0; i < len(m.Pix); i += 3 {
		p := m.Pix[i : i+3 : i+3]
		p[0], p[1], p[2] = table[0][p[0]], table[1][p[1]], table[2][p[2]]
	}
}

// AutoContrast stretches the values of each channel to the full range.
func (m *Image) AutoContrast() {
	n := m.counts()
	var table [3][256]uint8
	for c := range 3 {
		lo, hi := 0, 255
		for lo < 255 && n[c][lo] == 0 {
			lo++
		}
		for hi > 0 && n[c][hi] == 0 {
			hi--
		}
		scale := 255 / float64(hi-lo)
		offset := -float64(lo) * scale
		for v := range 256 {
			if hi <= lo {
				table[c][v] = uint8(v)
			} else {
				table[c][v] = clamp8(int32(float64(float64(v)*scale) + offset))
			}
		}
	}
	m.lookupEach(&table)
}

// Equalize equalizes the histogram of each channel.
func (m *Image) Equalize() {
	n := m.counts()
	var table [3][256]uint8
	for c := range 3 {
		used, last := 0, 0
		for _, k := range n[c] {
			if k > 0 {
				used, last = used+1, k
			}
		}
		step := (m.W*m.H - last) / 255
		sum := step / 2
		for v := range 256 {
			if used < 2 || step == 0 {
				table[c][v] = uint8(v)
				continue
			}
			table[c][v] = uint8(min(sum/step, 255))
			sum += n[c][v]
		}
	}
	m.lookupEach(&table)
}

// Sharpness blends with a smoothed image; factor 1 changes nothing.
func (m *Image) Sharpness(factor float64, sc *Scratch) {
	smooth := &sc.rows
	smooth.Copy(m)
	stride := 3 * m.W
	for y := 1; y < m.H-1; y++ {
		for i := y*stride + 3; i < (y+1)*stride-3; i++ {
			sum := 4 * int(m.Pix[i])
			for _, row := range [3]int{i - stride, i, i + stride} {
				sum += int(m.Pix[row-3]) + int(m.Pix[row]) + int(m.Pix[row+3])
			}
			smooth.Pix[i] = uint8(float32(sum)/13 + 0.5)
		}
	}
	f := float32(factor)
	for i, v := range m.Pix {
		m.Pix[i] = blend(smooth.Pix[i], v, f)
	}
}
