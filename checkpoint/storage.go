package checkpoint

import (
	"errors"
	"fmt"
	"strings"

	"contralens/checkpoint/pickle"
)

// storage is the memory that tensors are views of.
type storage struct {
	dtype string // "" if Tensor has no such element type
	size  int    // bytes per element
	data  []byte
	class string
}

// untyped is the class of storages of bytes, whose element type is with their tensors.
const untyped = "torch.storage.UntypedStorage"

// otherStorages are the bytes per element of storages whose tensors are passed over.
var otherStorages = map[string]int{
	untyped: 1, "torch.UntypedStorage": 1, "torch.ComplexFloatStorage": 8, "torch.ComplexDoubleStorage": 16,
	"torch.QInt8Storage": 1, "torch.QUInt8Storage": 1, "torch.QInt32Storage": 4,
	"torch.QUInt4x2Storage": 1, "torch.QUInt2x4Storage": 1,
}

// newStorage returns a storage of a class, without data.
func newStorage(class string) (*storage, error) {
	name := strings.Replace(class, "torch.cuda.", "torch.", 1)
	for dtype, known := range storages {
		if name == "torch."+known.class {
			return &storage{dtype: dtype, size: known.size, class: class}, nil
		}
	}
	if size, ok := otherStorages[name]; ok {
		return &storage{size: size, class: class}, nil
	}
	return nil, pass("a tensor of %.60s", class)
}

// reference is what a pickle says of a storage.
type reference struct {
	class, key string
	count      int // elements
	window     any // nil, or (key, offset, elements) of a part of it, in the older format
}

// refer decodes the persistent reference ("storage", class, key, location, elements).
func refer(p pickle.Persistent) (reference, error) {
	id := tuple(p.ID)
	if len(id) < 5 || id[0] != "storage" {
		return reference{}, errors.New("a tensor without a storage")
	}
	class, ok1 := id[1].(pickle.Class)
	key, ok2 := id[2].(string)
	count, ok3 := id[4].(int)
	if !ok1 || !ok2 || !ok3 || count < 0 {
		return reference{}, fmt.Errorf("a storage %.40v of %.40v elements", id[2], id[4])
	}
	r := reference{class: string(class), key: key, count: count}
	if len(id) > 5 {
		r.window = id[5]
	}
	return r, nil
}

// storage returns the storage that an argument of a tensor refers to.
func (r *reader) storage(v any) (*storage, error) {
	switch v := v.(type) {
	case *pickle.Object:
		return r.within(v)
	case pickle.Persistent:
		ref, err := refer(v)
		if err != nil {
			return nil, err
		}
		return r.stored(ref)
	}
	return nil, pass("a tensor whose storage is not in the file")
}

func (r *reader) stored(ref reference) (*storage, error) {
	s := r.storages[ref.key]
	if s == nil {
		var err error
		if s, err = newStorage(ref.class); err != nil {
			return nil, err
		}
		if s.dtype == "" && s.class != untyped {
			return nil, pass("a tensor of %.60s", s.class)
		}
		if s.data, err = r.fetch(ref.key); err != nil {
			return nil, fmt.Errorf("storage %.40q: %w", ref.key, err)
		}
		r.storages[ref.key] = s
	}
	if ref.class != s.class {
		return nil, fmt.Errorf("storage %.40q has two types, %.60s and %.60s", ref.key, s.class, ref.class)
	}
	if ref.count > len(s.data)/s.size {
		return nil, fmt.Errorf("storage %.40q: want %d values, got %d bytes", ref.key, ref.count, len(s.data))
	}
	if ref.window != nil {
		return s.window(ref.window)
	}
	return s, nil
}

// within returns the storage in a file of torch.save within the pickle, which is the form
// of tensors in a plain pickle: torch.storage._load_from_bytes(file).
func (r *reader) within(o *pickle.Object) (*storage, error) {
	if s := r.nested[o]; s != nil {
		return s, nil
	}
	file, ok := []byte(nil), false
	if o.Class == "torch.storage._load_from_bytes" && len(o.Args) == 1 {
		switch arg := o.Args[0].(type) {
		case []byte:
			file, ok = arg, true
		case *pickle.Object:
			file, ok = encoded(arg)
		}
	}
	if !ok {
		return nil, pass("a tensor whose storage is an object of the class %.100s", o.Class)
	}
	inner, root, err := open(file)
	if err != nil {
		return nil, fmt.Errorf("a storage within the pickle: %w", err)
	}
	p, ok := root.(pickle.Persistent)
	if !ok {
		return nil, errors.New("a storage within the pickle that is another object")
	}
	s, err := inner.storage(p)
	if err == nil {
		r.nested[o] = s
	}
	return s, err
}

func (s *storage) window(v any) (*storage, error) {
	t, _ := v.(pickle.Tuple)
	if len(t) != 3 {
		return nil, errors.New("a view of a storage without key, offset and size")
	}
	offset, ok1 := t[1].(int)
	count, ok2 := t[2].(int)
	if n := len(s.data) / s.size; !ok1 || !ok2 || offset < 0 || count < 0 || offset > n || count > n-offset {
		return nil, fmt.Errorf("a view of %.40v values at offset %.40v of a storage of %d values", t[2], t[1],
			len(s.data)/s.size)
	}
	return &storage{s.dtype, s.size, s.data[offset*s.size : (offset+count)*s.size], s.class}, nil
}
