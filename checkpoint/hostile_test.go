package checkpoint

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"contralens/internal/golden"
)

func TestHostileFilesAreRefused(t *testing.T) {
	dir := golden.Path(t, "checkpoint", "hostile")
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	os.Remove("/tmp/pwned")
	named := 0
	for _, f := range files {
		d, err := Read(filepath.Join(dir, f.Name()))
		if err == nil {
			t.Errorf("%s: read as %.200s", f.Name(), describe(d))
			continue
		}
		if strings.Contains(err.Error(), "posix.system") || strings.Contains(err.Error(), "eval") {
			named++
		}
	}
	if len(files) == 0 || named < 4 {
		t.Errorf("%d of %d files were refused by the name of their class, want 4", named, len(files))
	}
	if _, err := os.Stat("/tmp/pwned"); err == nil {
		t.Error("a hostile file ran code")
	}
}

// zipOf returns a file in the zip format with a pickle and one storage.
func zipOf(t testing.TB, object string, storage []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range map[string][]byte{"archive/data.pkl": []byte(object), "archive/data/0": storage} {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// tensorPickle returns a pickle of {"t": a tensor} as text instructions, with a storage of
// count elements and the given offset, shape and strides.
func tensorPickle(count, offset, shape, strides string) string {
	return "\x80\x02}X\x01\x00\x00\x00tctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuI" + count +
		"\ntQI" + offset + "\n(" + shape + "t(" + strides + "t\x89ccollections\nOrderedDict\n)RtRs."
}

// TestHostileSizes reads files that claim larger sizes than they have. Each must be an
// error, with a small part of the memory that it claims.
func TestHostileSizes(t *testing.T) {
	long := func(n uint64) string { return string(binary.LittleEndian.AppendUint64(nil, n)) }
	laughs := "\x80\x02}X\x01\x00\x00\x00a(K\x01K\x02lq\x00" // each list contains the previous one ten times
	for i := range 40 {
		laughs += "0(" + strings.Repeat("h"+string(rune(i)), 10) + "lq" + string(rune(i+1))
	}
	laughs += "s."
	for name, file := range map[string][]byte{
		"negative count":    zipOf(t, tensorPickle("-1", "0", "I3\n", "I1\n"), make([]byte, 12)),
		"too large a count": zipOf(t, tensorPickle("4611686018427387904", "0", "I3\n", "I1\n"), make([]byte, 12)),
		"negative shape":    zipOf(t, tensorPickle("3", "0", "I-3\n", "I1\n"), make([]byte, 12)),
		"negative stride":   zipOf(t, tensorPickle("3", "2", "I3\n", "I-1\n"), make([]byte, 12)),
		"negative offset":   zipOf(t, tensorPickle("3", "-1", "I2\n", "I1\n"), make([]byte, 12)),
		"beyond its end":    zipOf(t, tensorPickle("3", "1", "I3\n", "I1\n"), make([]byte, 12)),
		"overflow":          zipOf(t, tensorPickle("3", "0", "I4294967296\nI4294967296\n", "I4294967296\nI1\n"), make([]byte, 12)),
		"stride of 0":       zipOf(t, tensorPickle("3", "0", "I1000000000\n", "I0\n"), make([]byte, 12)),
		"overlapping":       zipOf(t, tensorPickle("3", "0", "I2\nI2\n", "I1\nI1\n"), make([]byte, 12)),
		"long string":       []byte("\x80\x04\x8d" + long(1<<40) + "abc"),
		"long bytes":        []byte("\x80\x04\x8e" + long(1<<62) + "abc"),
		"long frame":        []byte("\x80\x04\x95"),
		"itself":            []byte("\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s."),
		"deep":              []byte("\x80\x02}X\x01\x00\x00\x00a" + strings.Repeat("(", 100000) + strings.Repeat("t", 100000) + "s."),
		"laughs":            []byte(laughs),
		"module":            []byte("\x80\x02cos\nsystem\n(S'touch /tmp/pwned'\ntR."),
		"instance":          []byte("(S'touch /tmp/pwned'\nios\nsystem\n."),
		"stack global":      []byte("\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x01a\x85R."),
		"build":             []byte("\x80\x02cargparse\nNamespace\n)\x81cbuiltins\neval\nb."),
		"extension":         []byte("\x80\x02\x82\x01."),
		"empty":             {},
		"only the magic":    []byte("\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		d, err := Parse(file)
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: read as %.200s", name, describe(d))
		}
		if mb := (after.TotalAlloc - before.TotalAlloc) >> 20; mb > 64 {
			t.Errorf("%s: %d MB were allocated", name, mb)
		}
	}
}

// TestDamage flips bits in, and truncates, every part of a small file. Reading it must
// fail or return the original content.
func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.pth")
	if err := Write(path, Dict{{"t", FromFloat32([]float32{1, 2, 3, 4}, 4)}}); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := Parse(good)
	at := bytes.Index(good, []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0x40})
	if at < 0 {
		t.Fatal("the values 1 and 2 are not in the file")
	}
	for i := at; i < at+16; i++ {
		bad := bytes.Clone(good)
		bad[i] ^= 4
		if d, err := Parse(bad); err == nil {
			t.Errorf("byte %d changed: read as %s", i, describe(d))
		}
	}
	for n := range good {
		if d, err := Parse(good[:n]); err == nil && describe(d) != describe(want) {
			t.Errorf("cut at %d: read as %s", n, describe(d))
		}
	}
}

// TestMemory: reading takes less than twice the file's size.
func TestMemory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.pth")
	if err := Write(path, Dict{{"a", FromFloat32(make([]float32, 2e6), 2e6)}, {"b", FromFloat32(make([]float32, 3e6), 3e6)}}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := Read(path); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if ratio := float64(after.TotalAlloc-before.TotalAlloc) / float64(info.Size()); ratio > 1.5 {
		t.Errorf("reading allocates %.2f times the file's size", ratio)
	}
}

// BenchmarkRead reads a file of 100 MB from the page cache.
func BenchmarkRead(b *testing.B) {
	path := filepath.Join(b.TempDir(), "x.pth")
	var d Dict
	for i := range 100 {
		d = append(d, Item{i, FromFloat32(make([]float32, 250e3), 250, 1000)})
	}
	if err := Write(path, d); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(100e6)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(path); err != nil {
			b.Fatal(err)
		}
	}
}
