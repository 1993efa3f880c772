package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"

	"contralens/checkpoint/pickle"
)

// magic is the number at the start of the older format.
var magic, _ = new(big.Int).SetString("1950a86a20f9469cfc6c", 16)

// openPickles reads the older format: pickles of the magic number, the version, the
// system, the object and the keys of the storages, followed by the storages. A file
// without the magic number is a single pickle.
func openPickles(b []byte) (*reader, any, error) {
	at := 0
	next := func() (any, error) {
		v, n, err := load(b[at:])
		at += n
		return v, err
	}
	first, err := next()
	if err != nil {
		return nil, nil, err
	}
	r := newReader(len(b))
	r.fetch = func(string) ([]byte, error) { return nil, errors.New("it is not in the file") }
	if n, ok := first.(*big.Int); !ok || n.Cmp(magic) != 0 {
		return r, first, nil
	}
	if version, err := next(); err != nil || version != 1001 {
		return nil, nil, fmt.Errorf("want version 1001 of the older format, got %v", version)
	}
	if _, err := next(); err != nil {
		return nil, nil, err
	}
	object, err := next()
	if err != nil {
		return nil, nil, err
	}
	// The sizes of the elements are in the object, the order of the storages in the keys.
	for _, p := range pickle.Persistents(object) {
		if ref, err := refer(p); err == nil && r.storages[ref.key] == nil {
			if r.storages[ref.key], err = newStorage(ref.class); err != nil {
				delete(r.storages, ref.key)
			}
		}
	}
	keys, err := next()
	list, ok := keys.(*pickle.List)
	if err != nil || !ok {
		return nil, nil, fmt.Errorf("want the list of storages after the object: %v", err)
	}
	for _, key := range list.Items {
		s := r.storages[fmt.Sprint(key)]
		if s == nil {
			return nil, nil, fmt.Errorf("storage %.40v belongs to no tensor, or its elements are of unknown size", key)
		}
		n, err := element(b[at:], s.size)
		if err != nil {
			return nil, nil, fmt.Errorf("storage %.40v: %w", key, err)
		}
		at += 8
		s.data = b[at : at+n : at+n]
		at += n
	}
	return r, object, nil
}

// element reads the number of elements in front of a storage of the older format, and
// returns their size in bytes.
func element(b []byte, size int) (int, error) {
	if len(b) < 8 {
		return 0, errors.New("the file ends before it")
	}
	n := binary.LittleEndian.Uint64(b)
	if left := uint64(len(b) - 8); n > left/uint64(size) {
		return 0, fmt.Errorf("want %d values of %d bytes, but the file ends after %d bytes", n, size, left)
	}
	return int(n) * size, nil
}
