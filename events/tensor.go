package events

import (
	"encoding/binary"
	"math"

	"github.com/x448/float16"
	"google.golang.org/protobuf/encoding/protowire"
)

// Data types of TensorFlow's types.proto.
const (
	typeFloat    = 1
	typeDouble   = 2
	typeInt32    = 3
	typeInt64    = 9
	typeBFloat16 = 14
	typeHalf     = 19
)

// tensor decodes the numbers of a TensorProto. It returns none for other types, such as
// strings.
func tensor(b []byte) (numbers []float64, err error) {
	kind := uint64(0)
	var raw []byte
	err = fields(b, func(number protowire.Number, bits uint64, content []byte) error {
		switch number {
		case 1:
			kind = bits
		case 4:
			raw = content
		case 5: // float_val
			if content == nil {
				content = binary.LittleEndian.AppendUint32(nil, uint32(bits))
			}
			numbers = append(numbers, unpack(typeFloat, content)...)
		case 6: // double_val
			numbers = append(numbers, doubles(bits, content)...)
		case 7, 10: // int_val, int64_val
			if content == nil {
				numbers = append(numbers, float64(int64(bits)))
			}
			for len(content) > 0 {
				x, n := protowire.ConsumeVarint(content)
				if n < 0 {
					return errProtobuf
				}
				numbers, content = append(numbers, float64(int64(x))), content[n:]
			}
		}
		return nil
	})
	if len(numbers) == 0 {
		numbers = unpack(kind, raw)
	}
	return numbers, err
}

// unpack decodes little-endian numbers of a type.
func unpack(kind uint64, raw []byte) (numbers []float64) {
	order := binary.LittleEndian
	size, decode := 4, func(b []byte) float64 { return float64(math.Float32frombits(order.Uint32(b))) }
	switch kind {
	case typeFloat:
	case typeDouble:
		size, decode = 8, func(b []byte) float64 { return math.Float64frombits(order.Uint64(b)) }
	case typeInt32:
		decode = func(b []byte) float64 { return float64(int32(order.Uint32(b))) }
	case typeInt64:
		size, decode = 8, func(b []byte) float64 { return float64(int64(order.Uint64(b))) }
	case typeBFloat16:
		size, decode = 2, func(b []byte) float64 { return float64(math.Float32frombits(uint32(order.Uint16(b)) << 16)) }
	case typeHalf:
		size, decode = 2, func(b []byte) float64 { return float64(float16.Frombits(order.Uint16(b)).Float32()) }
	default:
		return nil
	}
	for ; len(raw) >= size; raw = raw[size:] {
		numbers = append(numbers, decode(raw))
	}
	return numbers
}
