package machine

import (
	"testing"
	"testing/fstest"
	"time"
)

func TestUsage(t *testing.T) {
	usage := WatchUsage()
	for end := time.Now().Add(60 * time.Millisecond); time.Now().Before(end); {
		_ = time.Now() // keeps a processor busy
	}
	u := usage()
	if u.Own <= 0 || u.Own > 1 || u.Others < 0 || u.Others > 1 {
		t.Errorf("want shares from 0 to 1, the own above 0, got %+v", u)
	}
	if u.Resident < 1<<20 || u.Available < 1<<20 {
		t.Errorf("want the memory in bytes, got %+v", u)
	}
}

func TestAvailable(t *testing.T) {
	s := system{files: fstest.MapFS{
		"proc/meminfo":     {Data: []byte("MemTotal:       1000 kB\nMemAvailable:    400 kB\n")},
		"proc/self/status": {Data: []byte("VmRSS:      100 kB\n")},
	}}
	if got := s.available(); got != 400<<10 {
		t.Errorf("got %d bytes, want 400 KiB", got)
	}
}

func TestGPU(t *testing.T) {
	for text, want := range map[string]struct {
		g  GPU
		ok bool
	}{
		"37, 2048\n": {GPU{0.37, 2048 << 20}, true}, "[N/A], 3\n": {GPU{}, false}, "": {GPU{}, false}, "5\n": {GPU{}, false},
	} {
		if g, ok := parseGPU(text); ok != want.ok || ok && g != want.g {
			t.Errorf("%q: got %+v, %v, want %+v", text, g, ok, want)
		}
	}
	for _, c := range []struct {
		list  string
		index int
		want  string
	}{{"", 1, "1"}, {"3, 5", 1, "5"}, {"GPU-8a", 0, "GPU-8a"}, {"3", 1, "1"}} {
		if got := visible(c.list, c.index); got != c.want {
			t.Errorf("CUDA_VISIBLE_DEVICES=%q, GPU %d: got %s, want %s", c.list, c.index, got, c.want)
		}
	}
}

func BenchmarkUsage(b *testing.B) {
	usage := WatchUsage()
	for b.Loop() {
		usage()
	}
}
