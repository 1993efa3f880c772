package events

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strings"
	"testing"
	"time"
)

// The reader below shares no code with the writer. It computes CRC-32C bit by bit, and has
// masks and field numbers from TensorFlow's record_writer, event.proto and summary.proto.

func crc32c(b []byte) uint32 {
	c := ^uint32(0)
	for _, x := range b {
		c ^= uint32(x)
		for range 8 {
			if c&1 != 0 {
				c = c>>1 ^ 0x82f63b78
			} else {
				c >>= 1
			}
		}
	}
	return ^c
}

func unmask(m uint32) uint32 {
	r := m - 0xa282ead8
	return r<<15 | r>>17
}

// field is one field of an encoded message: a number or bytes.
type field struct {
	number uint64
	bits   uint64
	bytes  []byte
}

func parse(t *testing.T, b []byte) (fields []field) {
	t.Helper()
	for len(b) > 0 {
		key, n := binary.Uvarint(b)
		b = b[n:]
		f := field{number: key >> 3}
		switch key & 7 {
		case 0:
			f.bits, n = binary.Uvarint(b)
		case 1:
			f.bits, n = binary.LittleEndian.Uint64(b), 8
		case 2:
			size, m := binary.Uvarint(b)
			f.bytes, n = b[m:m+int(size)], m+int(size)
		case 5:
			f.bits, n = uint64(binary.LittleEndian.Uint32(b)), 4
		default:
			t.Fatalf("wire type %d", key&7)
		}
		fields, b = append(fields, f), b[n:]
	}
	return fields
}

type event struct {
	time, step float64
	what, tag  string
	values     []float64
}

func read(t *testing.T, path string) (events []event) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	for len(b) > 0 {
		n := int(le.Uint64(b))
		if unmask(le.Uint32(b[8:])) != crc32c(b[:8]) || unmask(le.Uint32(b[12+n:])) != crc32c(b[12:12+n]) {
			t.Fatal("a checksum is wrong")
		}
		var e event
		for _, f := range parse(t, b[12:12+n]) {
			switch f.number {
			case 1:
				e.time = math.Float64frombits(f.bits)
			case 2:
				e.step = float64(f.bits)
			case 3:
				e.what = string(f.bytes)
			case 7:
				e.what = fmt.Sprint("session ", parse(t, f.bytes)[0].bits)
			case 5:
				for _, v := range parse(t, parse(t, f.bytes)[0].bytes) {
					switch v.number {
					case 1:
						e.tag = string(v.bytes)
					case 2:
						e.what, e.values = "scalar", []float64{float64(math.Float32frombits(uint32(v.bits)))}
					case 5:
						e.what = "histogram"
						for _, h := range parse(t, v.bytes) {
							if h.number < 6 {
								e.values = append(e.values, math.Float64frombits(h.bits))
							}
							for i := 0; i+8 <= len(h.bytes); i += 8 {
								e.values = append(e.values, math.Float64frombits(le.Uint64(h.bytes[i:])))
							}
						}
					}
				}
			}
		}
		events, b = append(events, e), b[16+n:]
	}
	return events
}

func TestFilesAreTensorBoards(t *testing.T) {
	if crc32c([]byte("123456789")) != 0xe3069283 { // the check value of CRC-32C
		t.Fatal("the test's own CRC is wrong")
	}
	dir := filepath.Join(t.TempDir(), "tb", "run")
	for _, next := range []int{1, 41} {
		w, err := NewWriter(dir, next)
		if err != nil {
			t.Fatal(err)
		}
		err = w.Scalar("loss", next+1, 0.5)
		if err == nil {
			err = w.Histogram("scores/positive", 1<<40, Histogram{Min: -1, Max: 2, Num: 3, Sum: 2, SumSquares: 5, Limits: []float64{0, 2}, Counts: []float64{1, 2}})
		}
		if err == nil {
			err = w.Scalar("learning_rate", 3, math.NaN())
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	paths, err := filepath.Glob(filepath.Join(dir, "events.out.tfevents.*"))
	if err != nil || len(paths) != 2 {
		t.Fatalf("want 2 event files, got %v, %v", paths, err)
	}
	sort.Strings(paths)
	for i, next := range []float64{1, 41} {
		got := read(t, paths[i])
		if len(got) != 5 || !math.IsNaN(got[4].values[0]) {
			t.Fatalf("got %+v", got)
		}
		got[4].values = nil
		for j := range got {
			if age := float64(time.Now().Unix()) - got[j].time; age < -1 || age > 60 {
				t.Errorf("event %d is %v s old", j, age)
			}
			got[j].time = 0
		}
		want := []event{
			{what: "brain.Event:2"}, {step: next, what: "session 1"}, {step: next + 1, what: "scalar", tag: "loss", values: []float64{0.5}},
			{step: 1 << 40, what: "histogram", tag: "scores/positive", values: []float64{-1, 2, 3, 2, 5, 0, 2, 1, 2}},
			{step: 3, what: "scalar", tag: "learning_rate"},
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
}

func TestErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := NewWriter(file, 1); err == nil {
		t.Error("a file is taken as a folder")
	}
	w, err := NewWriter(t.TempDir(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Histogram("h", 1, Histogram{Limits: []float64{1}}); err == nil {
		t.Error("a histogram without counts is written")
	}
	w.Close()
	if err := w.Scalar("s", 1, 1); err == nil {
		t.Error("a closed writer writes")
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	if info, err := full.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		t.Skip("/dev/full is a file on this machine, no device: to mend it, rm /dev/full and mknod -m 666 /dev/full c 1 7")
	}
	if err := (&Writer{file: full, now: time.Now}).Scalar("s", 1, 1); err == nil || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("a full disk: %v", err)
	}
}
