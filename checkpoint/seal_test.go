package checkpoint

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Reading a truncated file, or one with a flipped bit, is always an error.
func TestDamageIsDetected(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.pth")
	if err := Write(path, example()); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := func(what string, at int, b []byte) {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		d, err := Read(path)
		if err == nil {
			t.Errorf("%s at byte %d of %d: read as %.100s", what, at, len(whole), describe(d))
		} else if !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s at byte %d: unclear: %v", what, at, err)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	flip := func(at, bit int) {
		b := append([]byte{}, whole...)
		b[at] ^= 1 << bit
		damaged("a flipped bit", at, b)
	}
	for at := range whole {
		damaged("cut", at, whole[:at])
		if at%3 == 0 {
			flip(at, rng.IntN(8))
		}
	}
	for at := len(whole) - sealSize - 22; at < len(whole); at++ {
		for bit := range 8 {
			flip(at, bit)
		}
	}
	if err := os.WriteFile(path, whole, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err != nil {
		t.Error(err)
	}
}
