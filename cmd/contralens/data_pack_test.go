package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestPackInterrupted stops packing by each signal. Exit codes are those of shells, and no
// files are left behind.
func TestPackInterrupted(t *testing.T) {
	src, work := t.TempDir(), t.TempDir()
	class := filepath.Join(src, "train", "a")
	if err := os.MkdirAll(class, 0o755); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(photo)
	if err != nil {
		t.Fatal(err)
	}
	first := filepath.Join(class, "0.jpg")
	if err := os.WriteFile(first, b, 0o644); err != nil {
		t.Fatal(err)
	}
	for i := range 20000 {
		if err := os.Link(first, filepath.Join(class, fmt.Sprint(i+1, ".jpg"))); err != nil {
			t.Fatal(err)
		}
	}
	for signal, want := range map[os.Signal]int{os.Interrupt: 130, syscall.SIGTERM: 143} {
		p := spawn(t, "data", "pack", src, filepath.Join(work, "packed"), "--short", "16", "-j", "1")
		limit := time.Now().Add(2 * time.Minute)
		for began := false; !began && time.Now().Before(limit); time.Sleep(10 * time.Millisecond) {
			entries, err := os.ReadDir(work)
			if err != nil {
				t.Fatal(err)
			}
			began = len(entries) > 0
		}
		p.Process.Signal(signal)
		if code, text := p.end(t); code != want || !strings.HasSuffix(text, "contralens: stopped without a result\n") {
			t.Errorf("%v: exit code %d, want %d, and printed\n%s", signal, code, want, text)
		}
		if left, _ := os.ReadDir(work); len(left) > 0 {
			t.Errorf("%v left behind: %v", signal, left)
		}
	}
}
