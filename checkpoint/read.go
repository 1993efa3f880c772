package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"os"

	"contralens/checkpoint/pickle"
)

// Read reads a file written by torch.save, in the zip format or the older one, or a plain
// pickle as in Detectron2's model zoo. It never runs code from the file: it returns an
// error for classes other than tensors, arrays and plain containers. The file is in
// memory once. Tensors share that memory unless their strides differ from C order. Read
// also returns an error if the file is damaged or its root is not a dictionary.
func Read(path string) (Dict, error) {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return nil, fmt.Errorf("checkpoint %s: want a checkpoint file, but it is a folder", path)
	}
	if err != nil {
		return nil, fmt.Errorf("checkpoint %s: want a checkpoint file, but it does not exist", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("checkpoint %s: %w", path, err)
	}
	root, err := Parse(b)
	if err != nil {
		return nil, fmt.Errorf("checkpoint %s: %w", path, err)
	}
	return root, nil
}

// magic is the number at the start of the older format.
var magic, _ = new(big.Int).SetString("1950a86a20f9469cfc6c", 16)

// Parse is Read for the content b of a file. The tensors share its memory.
func Parse(b []byte) (Dict, error) {
	var v any
	var err error
	switch {
	case bytes.HasPrefix(b, []byte("PK")):
		if err = verify(b); err == nil {
			v, err = parseZip(b)
		}
	case len(b) > 0 && b[0] == 0x80:
		v, err = parsePickles(b)
	default:
		return nil, errors.New("want a file written by torch.save or contralens, but it starts with other bytes")
	}
	if refused := (*pickle.ClassError)(nil); errors.As(err, &refused) {
		return nil, fmt.Errorf("%w; save the model's state_dict() alone to move its weights", refused)
	}
	if err != nil {
		return nil, fmt.Errorf("want a file written by torch.save or contralens, but it is damaged: %w", err)
	}
	switch v := v.(type) {
	case Dict:
		return v, nil
	case OrderedDict:
		return Dict(v), nil
	}
	return nil, fmt.Errorf("want a dictionary, got %T", v)
}

// parsePickles reads the older format: pickles of the magic number, the version, the
// system, the object and the keys of the storages, followed by the storages. A file
// without the magic number is a single pickle.
func parsePickles(b []byte) (any, error) {
	at := 0
	next := func() (any, error) {
		v, n, err := pickle.Load(b[at:], allowed)
		at += n
		return v, err
	}
	first, err := next()
	if err != nil {
		return nil, err
	}
	r := newReader(len(b))
	if n, ok := first.(*big.Int); !ok || n.Cmp(magic) != 0 {
		return r.value(first)
	}
	if version, err := next(); err != nil || version != 1001 {
		return nil, fmt.Errorf("want version 1001 of the older format, got %v", version)
	}
	if _, err := next(); err != nil {
		return nil, err
	}
	object, err := next()
	if err != nil {
		return nil, err
	}
	// The types of the storages are in the object, their order is in the keys. This first
	// pass finds the types.
	r.pending = true
	if _, err := r.value(object); err != nil {
		return nil, err
	}
	keys, err := next()
	list, ok := keys.(*pickle.List)
	if err != nil || !ok {
		return nil, fmt.Errorf("want the list of storages after the object: %v", err)
	}
	for _, key := range list.Items {
		s := r.storages[fmt.Sprint(key)]
		if s == nil {
			return nil, fmt.Errorf("storage %.40v belongs to no tensor", key)
		}
		n, err := element(b[at:], s.size)
		if err != nil {
			return nil, fmt.Errorf("storage %.40v: %w", key, err)
		}
		at += 8
		s.data = b[at : at+n]
		at += n
	}
	second := newReader(len(b))
	second.storages = r.storages
	return second.value(object)
}
