package mask

import "math"

// Paste puts the probabilities of a mask head, side·side values row by row, into an image: a
// pixel is set where the map, stretched over box and read bilinearly at the pixel's middle,
// with zeros around it, is at least threshold. It writes to dst, which has height·width values
// row by row. Numbers are float32, as in Detectron2.
func Paste(dst []uint8, height, width int, probabilities []float32, side int, box [4]float32, threshold float32) {
	clear(dst[:height*width])
	x0, x1 := span(box[0], box[2], width)
	y0, y1 := span(box[1], box[3], height)
	for y := y0; y < y1; y++ {
		v := position(y, box[1], box[3], side)
		for x := x0; x < x1; x++ {
			if sample(probabilities, side, v, position(x, box[0], box[2], side)) >= threshold {
				dst[y*width+x] = 1
			}
		}
	}
}

// span returns the pixels that a box can reach along an axis of n pixels; none if it is empty.
func span(low, high float32, n int) (int, int) {
	if !(high > low) {
		return 0, 0
	}
	within := func(v float64) int { return int(min(max(v, 0), float64(n))) }
	return within(math.Floor(float64(low)) - 1), within(math.Ceil(float64(high)) + 1)
}

// position returns where the middle of pixel i lies on the map.
func position(i int, low, high float32, side int) float32 {
	u := float32((float32(i)+0.5-low)/(high-low)*2) - 1
	return (float32((u+1)*float32(side)) - 1) / 2
}

// sample reads the map bilinearly, with zeros around it.
func sample(values []float32, side int, y, x float32) float32 {
	fx, fy := float32(math.Floor(float64(x))), float32(math.Floor(float64(y)))
	x0, y0 := int(fx), int(fy)
	east, south := x-fx, y-fy
	west, north := 1-east, 1-south
	at := func(y, x int) float32 {
		if y < 0 || y >= side || x < 0 || x >= side {
			return 0
		}
		return values[y*side+x]
	}
	return float32(at(y0, x0)*float32(north*west)) + float32(at(y0, x0+1)*float32(north*east)) +
		float32(at(y0+1, x0)*float32(south*west)) + float32(at(y0+1, x0+1)*float32(south*east))
}
