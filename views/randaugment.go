package views

import "fmt"

// Op is an operation of RandAugment (Cubuk et al., 2020), as implemented in timm.
type Op uint8

// The operations, in the order of opNames.
const (
	Identity Op = iota
	AutoContrast
	Equalize
	Invert
	Rotate
	Posterize
	Solarize
	SolarizeAdd
	Color
	Contrast
	Brightness
	Sharpness
	ShearX
	ShearY
	TranslateX
	TranslateY
)

var opNames = [...]string{
	"identity", "autocontrast", "equalize", "invert", "rotate", "posterize", "solarize", "solarize-add",
	"color", "contrast", "brightness", "sharpness", "shear x", "shear y", "translate x", "translate y",
}

func (op Op) String() string { return opNames[op] }

var (
	allOperations = []Op{
		AutoContrast, Equalize, Invert, Rotate, Posterize, Solarize, SolarizeAdd, Color, Contrast, Brightness,
		Sharpness, ShearX, ShearY, TranslateX, TranslateY,
	}
	colorlessOperations = []Op{AutoContrast, Identity, Rotate, Sharpness, ShearX, ShearY, TranslateX, TranslateY}
)

// Fill is the color of pixels that a geometric operation takes from outside the image:
// the mean of ImageNet.
var Fill = [3]uint8{124, 116, 104}

// Applied is an operation with its argument: degrees for Rotate, a slope for ShearX and
// ShearY, a fraction of the side for TranslateX and TranslateY, the number of bits to
// keep for Posterize, a threshold for Solarize, a summand for SolarizeAdd, a factor for
// Color, Contrast, Brightness and Sharpness.
type Applied struct {
	Op       Op
	Argument float64
	Bicubic  bool // geometric operations interpolate bicubically instead of bilinearly
}

// drawOperation draws an operation at magnitude 10 with a standard deviation of 0.5. With
// probability 0.5 it returns Identity instead.
func drawOperation(from []Op, r *Rand) Applied {
	a := Applied{Op: from[r.IntN(len(from))]}
	applied := r.Float64() < 0.5
	a.Argument = a.Op.argument(min(max(10+0.5*r.NormFloat64(), 0), 10), r.Float64() < 0.5)
	a.Bicubic = r.Float64() < 0.5
	if !applied {
		a.Op = Identity
	}
	return a
}

// argument is the operation's argument at a magnitude in [0, 10]. negated changes the
// sign of geometric operations.
func (op Op) argument(magnitude float64, negated bool) float64 {
	level := magnitude / 10
	direction := 1.0
	if negated {
		direction = -1
	}
	switch op {
	case Rotate:
		return direction * level * 30
	case Posterize:
		return float64(int(level * 4))
	case Solarize:
		return float64(int(level * 256))
	case SolarizeAdd:
		return float64(int(level * 110))
	case Color, Contrast, Brightness, Sharpness:
		return level*1.8 + 0.1
	case ShearX, ShearY:
		return direction * level * 0.3
	case TranslateX, TranslateY:
		return direction * level * 0.45
	}
	return 0
}

// Apply applies an operation of RandAugment to m.
func (m *Image) Apply(a Applied, sc *Scratch) {
	switch a.Op {
	case Identity:
	case AutoContrast:
		m.AutoContrast()
	case Equalize:
		m.Equalize()
	case Invert:
		m.lookup(func(v uint8) uint8 { return 255 - v })
	case Posterize:
		mask := ^uint8(1<<(8-uint(a.Argument)) - 1)
		m.lookup(func(v uint8) uint8 { return v & mask })
	case Solarize:
		m.lookup(func(v uint8) uint8 {
			if float64(v) < a.Argument {
				return v
			}
			return 255 - v
		})
	case SolarizeAdd:
		m.lookup(func(v uint8) uint8 {
			if v < 128 {
				return uint8(min(255, int(v)+int(a.Argument)))
			}
			return v
		})
	case Color:
		m.Saturation(a.Argument)
	case Contrast:
		m.Contrast(a.Argument)
	case Brightness:
		m.Brightness(a.Argument)
	case Sharpness:
		m.Sharpness(a.Argument, sc)
	case Rotate, ShearX, ShearY, TranslateX, TranslateY:
		m.warp(a.Op.matrix(a.Argument, m.W, m.H), a.Bicubic, sc)
	default:
		panic(fmt.Sprintf("views: no operation %d", a.Op))
	}
}
