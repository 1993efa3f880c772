package events

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Event is what a record says about scalars and histograms.
type Event struct {
	Time float64 // seconds since 1970
	Step int64
	// Restart says that a resumed training starts here: events of earlier files with this
	// Step or a later one no longer count.
	Restart bool
	Values  []Value
}

// Value is a point of a curve, or a histogram if Histogram is not nil.
type Value struct {
	Tag       string
	Scalar    float64
	Histogram *Histogram
}

// Reader reads one event file while it grows. The zero value starts at the first record.
type Reader struct {
	offset int64             // of the next record
	plugin map[string]string // by tag; only the first value of a tag may name its plugin
	damage error
}

// Offset is the number of bytes read so far, all of complete records.
func (r *Reader) Offset() int64 { return r.offset }

// maxRecord is the size in bytes of the largest record that is read. Larger ones, such
// as pictures, are skipped.
const maxRecord = 16 << 20

// Read calls use with the events of f, which has size bytes, from the record where the
// last call ended. It leaves an incomplete last record for the next call. The error of
// a damaged record says where it is; no later record of the file can be found.
func (r *Reader) Read(f io.ReaderAt, size int64, use func(Event)) error {
	if r.damage != nil {
		return r.damage
	}
	if r.plugin == nil {
		r.plugin = map[string]string{}
	}
	in := bufio.NewReaderSize(io.NewSectionReader(f, r.offset, max(0, size-r.offset)), 1<<18)
	var head [12]byte
	for {
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return incomplete(err)
		}
		length := binary.LittleEndian.Uint64(head[:8])
		if binary.LittleEndian.Uint32(head[8:]) != maskedCRC(head[:8]) || length > math.MaxInt32 {
			return r.damaged("its length")
		}
		if r.offset+16+int64(length) > size {
			return nil
		}
		if length > maxRecord {
			if _, err := in.Discard(int(length) + 4); err != nil {
				return incomplete(err)
			}
			r.offset += 16 + int64(length)
			continue
		}
		data := make([]byte, length+4)
		if _, err := io.ReadFull(in, data); err != nil {
			return incomplete(err)
		}
		data, sum := data[:length], binary.LittleEndian.Uint32(data[length:])
		if sum != maskedCRC(data) {
			return r.damaged("its content")
		}
		event, err := r.event(data)
		if err != nil {
			return r.damaged("as an Event of TensorBoard, its content")
		}
		r.offset += 16 + int64(length)
		if event.Restart || len(event.Values) > 0 {
			use(event)
		}
	}
}

// incomplete returns nil if err says that the rest of a record is not there yet.
func incomplete(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

func (r *Reader) damaged(what string) error {
	r.damage = fmt.Errorf("the record at byte %d is damaged (%s does not fit): what comes before it is shown, nothing "+
		"after it", r.offset, what)
	return r.damage
}

var errProtobuf = errors.New("want an encoded message")

// fields calls use with each field of an encoded message: its number, the bits of a
// number, and the content of a message, string or packed list.
func fields(b []byte, use func(number protowire.Number, bits uint64, content []byte) error) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return errProtobuf
		}
		b = b[n:]
		var bits uint64
		var content []byte
		switch kind {
		case protowire.VarintType:
			bits, n = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			bits, n = protowire.ConsumeFixed64(b)
		case protowire.Fixed32Type:
			var short uint32
			short, n = protowire.ConsumeFixed32(b)
			bits = uint64(short)
		case protowire.BytesType:
			content, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(number, kind, b)
		}
		if n < 0 {
			return errProtobuf
		}
		b = b[n:]
		if err := use(number, bits, content); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reader) event(b []byte) (e Event, err error) {
	err = fields(b, func(number protowire.Number, bits uint64, content []byte) error {
		switch number {
		case 1:
			e.Time = math.Float64frombits(bits)
		case 2:
			e.Step = int64(bits)
		case fieldSession:
			return fields(content, func(number protowire.Number, bits uint64, _ []byte) error {
				e.Restart = e.Restart || number == 1 && bits == 1
				return nil
			})
		case fieldSummary:
			return fields(content, func(number protowire.Number, _ uint64, content []byte) error {
				if number != 1 {
					return nil
				}
				v, ok, err := r.value(content)
				if ok {
					e.Values = append(e.Values, v)
				}
				return err
			})
		}
		return nil
	})
	return e, err
}

// value decodes a Summary.Value. ok is false for anything but scalars and histograms.
func (r *Reader) value(b []byte) (v Value, ok bool, err error) {
	var numbers []float64
	err = fields(b, func(number protowire.Number, bits uint64, content []byte) (err error) {
		switch number {
		case 1:
			v.Tag = string(content)
		case 2:
			v.Scalar, ok = float64(math.Float32frombits(uint32(bits))), true
		case 5:
			v.Histogram, err = histogram(content)
			ok = v.Histogram != nil
		case 8:
			numbers, err = tensor(content)
		case 9:
			return r.metadata(v.Tag, content)
		}
		return err
	})
	if err != nil || ok {
		return v, ok, err
	}
	switch plugin := r.plugin[v.Tag]; {
	case plugin == "scalars" && len(numbers) == 1:
		v.Scalar, ok = numbers[0], true
	case plugin == "histograms" && len(numbers) > 0 && len(numbers)%3 == 0:
		v.Histogram, ok = ofBuckets(numbers), true
	}
	return v, ok, nil
}

// metadata remembers the plugin of a tag.
func (r *Reader) metadata(tag string, b []byte) error {
	return fields(b, func(number protowire.Number, _ uint64, content []byte) error {
		if number != 1 {
			return nil
		}
		return fields(content, func(number protowire.Number, _ uint64, content []byte) error {
			if number == 1 && len(r.plugin) < 1<<16 {
				r.plugin[tag] = string(content)
			}
			return nil
		})
	})
}

// histogram decodes a HistogramProto. It returns nil if limits and counts do not match.
func histogram(b []byte) (*Histogram, error) {
	h := &Histogram{}
	err := fields(b, func(number protowire.Number, bits uint64, content []byte) error {
		x := math.Float64frombits(bits)
		switch number {
		case 1:
			h.Min = x
		case 2:
			h.Max = x
		case 3:
			h.Num = x
		case 4:
			h.Sum = x
		case 5:
			h.SumSquares = x
		case 6:
			h.Limits = append(h.Limits, doubles(bits, content)...)
		case 7:
			h.Counts = append(h.Counts, doubles(bits, content)...)
		}
		return nil
	})
	if err != nil || len(h.Limits) == 0 || len(h.Limits) != len(h.Counts) {
		return nil, err
	}
	return h, nil
}

// doubles returns the numbers of a packed list, or the one number of an unpacked one.
func doubles(bits uint64, packed []byte) []float64 {
	if packed == nil {
		return []float64{math.Float64frombits(bits)}
	}
	var list []float64
	for ; len(packed) >= 8; packed = packed[8:] {
		list = append(list, math.Float64frombits(binary.LittleEndian.Uint64(packed)))
	}
	return list
}

// ofBuckets makes a histogram of buckets (left, right, count), as TensorFlow 2 writes it.
func ofBuckets(rows []float64) *Histogram {
	h := &Histogram{Min: rows[0], Max: rows[len(rows)-2]}
	for i := 0; i < len(rows); i += 3 {
		h.Limits, h.Counts = append(h.Limits, rows[i+1]), append(h.Counts, rows[i+2])
		h.Num += rows[i+2]
	}
	return h
}
