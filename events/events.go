// Package events writes and reads event files of TensorBoard: scalars and histograms over
// steps.
//
// A file is a sequence of records. Each is an encoded Event of TensorFlow's event.proto:
//
//	uint64 length   uint32 masked CRC-32C of length   data   uint32 masked CRC-32C of data
//
// all little endian, with mask(c) = (c >> 15 | c << 17) + 0xa282ead8.
package events

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"contralens/internal/durable"
)

// Writer appends events to one file. A resumed run opens another Writer in the same
// folder, because TensorBoard reads all files of a folder together.
type Writer struct {
	file *os.File
	now  func() time.Time
}

// NewWriter makes dir and a new event file in it. TensorBoard then ignores events of
// earlier files in the folder from step next on, so that a resumed run shows every step
// once. With next = 1 it ignores all of them.
func NewWriter(dir string, next int) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("TensorBoard events: %w", durable.Explain(err))
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	w := &Writer{now: time.Now}
	name := fmt.Sprintf("events.out.tfevents.%d.%s.%d", w.now().UnixNano()/1e9, host, os.Getpid())
	for i := 0; w.file == nil; i++ { // two writers in one second
		w.file, err = os.OpenFile(filepath.Join(dir, fmt.Sprintf("%s.%d", name, i)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil && !os.IsExist(err) {
			return nil, fmt.Errorf("TensorBoard events: %w", durable.Explain(err))
		}
	}
	if err := w.event(0, fieldVersion, []byte("brain.Event:2")); err != nil {
		w.file.Close()
		return nil, err
	}
	session := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1)
	if err := w.event(next, fieldSession, session); err != nil {
		w.file.Close()
		return nil, err
	}
	return w, nil
}

// Fields of Event.
const (
	fieldVersion = 3 // string: the first event
	fieldSummary = 5
	fieldSession = 7 // SessionLog, status START
)

// Scalar adds a point to the curve called tag.
func (w *Writer) Scalar(tag string, step int, value float64) error {
	v := appendBytes(nil, 1, []byte(tag))
	v = protowire.AppendFixed32(protowire.AppendTag(v, 2, protowire.Fixed32Type), math.Float32bits(float32(value)))
	return w.event(step, fieldSummary, appendBytes(nil, 1, v))
}

// Histogram is a distribution of values: Counts[i] of them lie in (Limits[i-1],
// Limits[i]]. The first bucket starts at Min.
type Histogram struct {
	Min, Max        float64
	Num             float64 // number of values
	Sum, SumSquares float64
	Limits, Counts  []float64 // of equal length; Limits are in ascending order
}

// Histogram adds a histogram to the series called tag.
func (w *Writer) Histogram(tag string, step int, h Histogram) error {
	if len(h.Limits) != len(h.Counts) || len(h.Limits) == 0 {
		return fmt.Errorf("TensorBoard events: histogram %s: want one limit per count, got %d limits and %d counts", tag,
			len(h.Limits), len(h.Counts))
	}
	var b []byte
	for i, x := range []float64{h.Min, h.Max, h.Num, h.Sum, h.SumSquares} {
		b = appendDouble(protowire.AppendTag(b, protowire.Number(1+i), protowire.Fixed64Type), x)
	}
	for i, list := range [][]float64{h.Limits, h.Counts} {
		var packed []byte
		for _, x := range list {
			packed = appendDouble(packed, x)
		}
		b = appendBytes(b, protowire.Number(6+i), packed)
	}
	return w.event(step, fieldSummary, appendBytes(nil, 1, appendBytes(appendBytes(nil, 1, []byte(tag)), 5, b)))
}

// Close closes the file.
func (w *Writer) Close() error { return w.file.Close() }

// event writes one record in a single call, so that a killed process leaves only complete
// records.
func (w *Writer) event(step int, field protowire.Number, content []byte) error {
	b := appendDouble(protowire.AppendTag(nil, 1, protowire.Fixed64Type), float64(w.now().UnixNano())/1e9)
	b = protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.VarintType), uint64(step))
	b = appendBytes(b, field, content)

	if _, err := w.file.Write(AppendRecord(nil, b)); err != nil {
		return fmt.Errorf("TensorBoard events: %w", durable.Explain(err))
	}
	return nil
}

// AppendRecord appends data as a record of a file.
func AppendRecord(file, data []byte) []byte {
	length := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	file = append(file, length...)
	file = binary.LittleEndian.AppendUint32(file, maskedCRC(length))
	file = append(file, data...)
	return binary.LittleEndian.AppendUint32(file, maskedCRC(data))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func maskedCRC(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

func appendDouble(b []byte, x float64) []byte { return protowire.AppendFixed64(b, math.Float64bits(x)) }

func appendBytes(b []byte, field protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), content)
}
