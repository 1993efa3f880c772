package foreign

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"contralens/events"
)

// FuzzSource: no content of the files is a panic, and none takes more than its bounds.
func FuzzSource(f *testing.F) {
	for _, name := range []string{"pytorch/events.out.tfevents.1700000000.host", "tensorflow/events.out.tfevents.1700000000.host", "lightning/metrics.csv", "mae/log.txt"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		check(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, name := range []string{"events.out.tfevents.1", "metrics.csv", "log.txt"} {
			folder := fstest.MapFS{name: {Data: b[:len(b)/2]}}
			s := Open(folder)
			if s == nil {
				folder[name] = &fstest.MapFile{Data: b}
				if s = Open(folder); s == nil {
					continue
				}
			}
			s.Refresh()
			folder[name] = &fstest.MapFile{Data: b}
			s.Refresh()
			first, last := s.Range()
			for _, d := range s.Series() {
				if _, err := s.Curve(d.Name, first, last, 100); err != nil {
					t.Error(err)
				}
			}
			for _, kind := range s.Kinds() {
				heat, err := s.Histograms(kind, first, last, 100)
				if err != nil {
					t.Error(err)
				}
				for _, e := range heat.Edges {
					if math.IsNaN(e) || math.IsInf(e, 0) {
						t.Fatalf("%s: the edges are %v", kind, heat.Edges[:3])
					}
				}
			}
		}
	})
}

// FuzzEvents makes records whose checksums fit, so that what is inside is decoded.
func FuzzEvents(f *testing.F) {
	f.Add([]byte("\x10\x05\x2a\x0b\x0a\x09\x0a\x04loss\x15\x00\x00\x80\x3f"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := Open(fstest.MapFS{"events.out.tfevents.1": {Data: events.AppendRecord(nil, b)}})
		s.Refresh()
		first, last := s.Range()
		for _, d := range s.Series() {
			s.Curve(d.Name, first, last, 10)
		}
		for _, kind := range s.Kinds() {
			if _, err := s.Histograms(kind, first, last, 10); err != nil {
				t.Error(err)
			}
		}
	})
}
