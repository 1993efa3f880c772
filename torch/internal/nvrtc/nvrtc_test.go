package nvrtc

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const text = `extern "C" __global__ void twice(float* x) { x[blockIdx.x * blockDim.x + threadIdx.x] *= VALUE; }`

func needed(t *testing.T) {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	if _, err := Open(); err != nil {
		t.Skip(err)
	}
}

func TestCompile(t *testing.T) {
	needed(t)
	var images []string
	for _, capability := range []int{80, 90, 100} {
		image, err := Compile(text, capability, "-DVALUE=2")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(image), "\x7fELF") {
			t.Errorf("capability %d: want machine code, got %q …", capability, image[:4])
		}
		images = append(images, string(image))
	}
	if images[0] == images[1] {
		t.Error("8.0 and 9.0 have the same machine code")
	}
	// A GPU of the future gets PTX, which its driver compiles.
	image, err := Compile(text, 999, "-DVALUE=2")
	if err != nil || !strings.Contains(string(image), ".entry twice") {
		t.Errorf("want PTX with twice, got %.40q and error %v", image, err)
	}
	if _, err := Compile(text, 10); err == nil || !strings.Contains(err.Error(), "1.0") {
		t.Errorf("capability 1.0: want an error that names it, got %v", err)
	}
	if _, err := Compile(text, 90); err == nil || !strings.Contains(err.Error(), "VALUE") {
		t.Errorf("want the compiler's first complaint, got %v", err)
	}
}

// An image comes from the cache, unless that is damaged.
func TestCache(t *testing.T) {
	needed(t)
	compiled := func() string {
		t.Helper()
		image, err := Compile(text, 90, "-DVALUE=3")
		if err != nil {
			t.Fatal(err)
		}
		return string(image)
	}
	first := compiled()
	files, _ := filepath.Glob(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "contralens", "kernels", "*"))
	if len(files) != 1 {
		t.Fatalf("want one image in the cache, got %v", files)
	}
	whole, err := os.ReadFile(files[0])
	if err != nil || string(load(files[0])) != first {
		t.Fatalf("the cache has not what was compiled (%v)", err)
	}
	for _, damaged := range [][]byte{whole[:len(whole)-1], append(slices.Clone(whole[:40]), make([]byte, len(whole)-40)...), {}} {
		if err := os.WriteFile(files[0], damaged, 0o644); err != nil {
			t.Fatal(err)
		}
		if load(files[0]) != nil {
			t.Errorf("a damaged image of %d bytes is taken", len(damaged))
		}
		if compiled() != first {
			t.Error("a damaged image gives another kernel")
		}
	}
}

// NVRTC is looked for beside libtorch and in the packages of a wheel, newest first. Parts of
// NVRTC with similar names are not taken.
func TestBeside(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"libnvrtc.so.12", "libnvrtc.so.13", "libnvrtc-builtins.so.13.2", "libnvrtc.alt.so.13", "libcudart.so.13", "libnvrtc-0123.so.12"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, path := range beside(dir) {
		got = append(got, filepath.Base(path))
	}
	if want := []string{"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc-0123.so.12"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestNotFound(t *testing.T) {
	if path, err := open([]string{"/nowhere/libnvrtc.so.13"}); err == nil {
		t.Errorf("%s opens", path)
	}
}
