package machine

import (
	"os"
	"path/filepath"
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
}

// nvidia-smi is asked for a GPU by its place on the bus, whatever CUDA_VISIBLE_DEVICES says.
func TestGPULoad(t *testing.T) {
	bin := t.TempDir()
	script := "#!/bin/sh\ncase $1 in --id=0000:3b:00.0) echo 37, 2048 ;; *) exit 1 ;; esac\n"
	if err := os.WriteFile(filepath.Join(bin, "nvidia-smi"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("CUDA_VISIBLE_DEVICES", "3,5")
	if g, ok := GPULoad("0000:3b:00.0"); !ok || g != (GPU{0.37, 2048 << 20}) {
		t.Errorf("got %+v, %v", g, ok)
	}
	for _, pci := range []string{"", "0000:01:00.0"} {
		if g, ok := GPULoad(pci); ok {
			t.Errorf("%q: got %+v, want no answer", pci, g)
		}
	}
}

func BenchmarkUsage(b *testing.B) {
	usage := WatchUsage()
	for b.Loop() {
		usage()
	}
}
