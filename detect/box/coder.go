package box

import "math"

// Coder expresses a box relative to another one (Girshick et al., 2014). Its elements are
// the weights of the deltas dx, dy, dw and dh.
type Coder [4]float32

// Coders of Detectron2.
var (
	ProposalCoder = Coder{1, 1, 1, 1}   // anchors to proposals
	RoICoder      = Coder{10, 10, 5, 5} // proposals to detections
)

// maxLogScale bounds how much Decode enlarges a box: a side of 16 pixels becomes at most
// 1000.
var maxLogScale = float32(math.Log(1000.0 / 16))

// Encode returns the deltas from box src to box dst:
//
//	dx = wx (cx' - cx) / w    dw = ww ln(w' / w)
//
// and likewise for y and h, where (cx, cy) is the center of src and w x h its size.
func (c Coder) Encode(src, dst Box) (deltas [4]float32) {
	w, h, cx, cy := centered(src)
	w2, h2, cx2, cy2 := centered(dst)
	return [4]float32{
		c[0] * (cx2 - cx) / w, c[1] * (cy2 - cy) / h,
		c[2] * log32(w2/w), c[3] * log32(h2/h),
	}
}

// Decode is the inverse of Encode. It limits dw and dh from above, to ln(1000/16).
func (c Coder) Decode(src Box, deltas [4]float32) Box {
	w, h, cx, cy := centered(src)
	dw := min(deltas[2]/c[2], maxLogScale)
	dh := min(deltas[3]/c[3], maxLogScale)
	cx = float32(deltas[0]/c[0]*w) + cx
	cy = float32(deltas[1]/c[1]*h) + cy
	w, h = exp32(dw)*w, exp32(dh)*h
	halfW, halfH := float32(0.5*w), float32(0.5*h)
	return Box{cx - halfW, cy - halfH, cx + halfW, cy + halfH}
}

// centered returns the size and the center of b.
func centered(b Box) (w, h, cx, cy float32) {
	w, h = b[2]-b[0], b[3]-b[1]
	return w, h, b[0] + float32(0.5*w), b[1] + float32(0.5*h)
}

func log32(v float32) float32 { return float32(math.Log(float64(v))) }

func exp32(v float32) float32 { return float32(math.Exp(float64(v))) }
