package plan

// Curve estimates the training for 1, 2, 4 … GPUs, up to most. With batch above 0 that many
// images are divided among the GPUs; otherwise every GPU has o.PerGPU. It ends where a GPU would
// have less than 2 images.
func Curve(o Options, most, batch int) (all []Result, err error) {
	for n := 1; n <= most; n *= 2 {
		c := o
		c.GPUs = n
		if n > c.PerNode && n%c.PerNode != 0 {
			continue
		}
		if batch > 0 {
			c.PerGPU = min(batch/n, o.PerGPU)
		}
		if c.PerGPU < 2 {
			break
		}
		r, err := Estimate(c)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}
