// Package fakegpu reads what the fake CUDA runtime of scripts/gpu/fake counted. Tests use it.
package fakegpu

/*
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>

static int counts(char* buffer, int size) {
  int (*f)(char*, int) = dlsym(RTLD_DEFAULT, "fake_counts");
  return f ? f(buffer, size) : -1;
}
*/
import "C"

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// Counts are numbers of events, and sums of their bytes, by kind and name, as in
// "copy pinned to device". Kinds are kernel, wait, copy, allocate, free, event, module and
// call.
type Counts map[string]Count

// Count is how often something happened, and the bytes that it was about.
type Count struct{ Number, Bytes int64 }

// Present reports whether this process runs on the fake runtime.
func Present() bool { return C.counts(nil, 0) >= 0 }

// Read returns what was counted since the process started. It is empty on another runtime.
func Read() Counts {
	c := Counts{}
	size := C.counts(nil, 0)
	if size < 0 {
		return c
	}
	size += 1 << 16 // other threads count meanwhile
	buffer := C.malloc(C.size_t(size))
	defer C.free(buffer)
	if n := C.counts((*C.char)(buffer), size); n > size {
		panic(fmt.Sprintf("fakegpu: want at most %d bytes of counters, got %d", size, n))
	}
	for line := range strings.Lines(C.GoString((*C.char)(buffer))) {
		var n Count
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 4)
		if len(fields) != 4 {
			panic(fmt.Sprintf("fakegpu: want 4 fields of a counter, got %q", line))
		}
		fmt.Sscan(fields[0], &n.Number)
		fmt.Sscan(fields[1], &n.Bytes)
		c[fields[2]+" "+fields[3]] = n
	}
	return c
}

// ReadFile returns what another process counted that FAKE_COUNTS gave this file.
func ReadFile(path string) (Counts, error) {
	const slot, kind, name = 512, 16, 32 // sizes and places in struct counter, scripts/gpu/fake/runtime/counts.c
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c := Counts{}
	for ; len(b) >= slot; b = b[slot:] {
		if b[name] == 0 {
			continue
		}
		key := text(b[kind:name]) + " " + text(b[name:slot])
		c[key] = Count{int64(binary.NativeEndian.Uint64(b)), int64(binary.NativeEndian.Uint64(b[8:]))}
	}
	return c, nil
}

func text(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return string(b)
}

// Sub returns what c counts more than earlier.
func (c Counts) Sub(earlier Counts) Counts {
	more := Counts{}
	for key, n := range c {
		if before := earlier[key]; n != before {
			more[key] = Count{n.Number - before.Number, n.Bytes - before.Bytes}
		}
	}
	return more
}

// Sum adds the counts whose kind and name begin with prefix and contain all of parts.
func (c Counts) Sum(prefix string, parts ...string) Count {
	var sum Count
next:
	for key, n := range c {
		if !strings.HasPrefix(key, prefix) {
			continue
		}
		for _, p := range parts {
			if !strings.Contains(key, p) {
				continue next
			}
		}
		sum.Number += n.Number
		sum.Bytes += n.Bytes
	}
	return sum
}

// String is a table of the counts, the largest first.
func (c Counts) String() string {
	keys := slices.SortedFunc(maps.Keys(c), func(a, b string) int {
		if d := c[b].Number - c[a].Number; d != 0 {
			return int(d)
		}
		return strings.Compare(a, b)
	})
	var b strings.Builder
	for _, key := range keys {
		fmt.Fprintf(&b, "%8d %12d  %.140s\n", c[key].Number, c[key].Bytes, key)
	}
	return b.String()
}
