package checkpoint

import (
	"errors"
	"fmt"
	"slices"

	"contralens/checkpoint/pickle"
)

// tensor implements torch._utils._rebuild_tensor_v2(storage, offset, shape, strides, …).
func (r *reader) tensor(args pickle.Tuple) (*Tensor, error) {
	if len(args) < 4 {
		return nil, fmt.Errorf("a tensor of %d arguments", len(args))
	}
	s, err := r.storage(args[0])
	if err != nil {
		return nil, err
	}
	offset, ok := args[1].(int)
	shape, err1 := ints(args[2])
	strides, err2 := ints(args[3])
	if err := errors.Join(err1, err2); err != nil || !ok {
		return nil, fmt.Errorf("a tensor with the offset %.40v: %w", args[1], err)
	}
	if r.pending {
		return &Tensor{}, nil
	}
	return r.view(s, offset, shape, strides)
}

func ints(v any) ([]int, error) {
	if o, ok := v.(*pickle.Object); ok && o.Class == "torch.Size" && len(o.Args) == 1 {
		v = o.Args[0]
	}
	t, ok := v.(pickle.Tuple)
	if !ok || len(t) > 64 {
		return nil, fmt.Errorf("want a tuple of up to 64 integers, got %T", v)
	}
	out := make([]int, len(t))
	for i, x := range t {
		if out[i], ok = x.(int); !ok {
			return nil, fmt.Errorf("want integers, got a %T", x)
		}
	}
	return out, nil
}

// storage returns the storage of a persistent reference ("storage", class, key, location,
// elements). In the older format a sixth element is None, or (key, offset, elements) for
// a window of the storage.
func (r *reader) storage(v any) (*storage, error) {
	p, _ := v.(pickle.Persistent)
	id, _ := p.ID.(pickle.Tuple)
	if len(id) < 5 || id[0] != "storage" {
		return nil, errors.New("a tensor without a storage")
	}
	class, ok1 := id[1].(pickle.Class)
	key, ok2 := id[2].(string)
	count, ok3 := id[4].(int)
	if !ok1 || !ok2 || !ok3 || count < 0 {
		return nil, fmt.Errorf("a storage %.40v of %.40v elements", id[2], id[4])
	}
	s := r.storages[key]
	if s == nil {
		s = &storage{}
		for dtype, known := range storages {
			if string(class) == "torch."+known.class {
				s.dtype, s.size = dtype, known.size
			}
		}
		if s.dtype == "" {
			return nil, fmt.Errorf("a storage of the class %.60s", class)
		}
		if r.fetch != nil {
			var err error
			if s.data, err = r.fetch(key); err != nil {
				return nil, fmt.Errorf("storage %.40q: %w", key, err)
			}
		}
		r.storages[key] = s
	}
	if string(class) != "torch."+storages[s.dtype].class {
		return nil, fmt.Errorf("storage %.40q has two types, %s and %.60s", key, s.dtype, class)
	}
	if !r.pending && count > len(s.data)/s.size {
		return nil, fmt.Errorf("storage %.40q: want %d values, got %d bytes", key, count, len(s.data))
	}
	if len(id) > 5 && id[5] != nil && !r.pending {
		return s.window(id[5])
	}
	return s, nil
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
	return &storage{s.dtype, s.size, s.data[offset*s.size : (offset+count)*s.size]}, nil
}

// view returns a tensor in a storage. It shares memory if the strides are those of C
// order, and is a copy otherwise. A view with more elements than its storage (a stride of
// 0) is an error, because a few bytes could fill the memory.
func (r *reader) view(s *storage, offset int, shape, strides []int) (*Tensor, error) {
	stored := len(s.data) / s.size
	if len(shape) != len(strides) {
		return nil, fmt.Errorf("a tensor of shape %v with strides %v", shape, strides)
	}
	if slices.Contains(shape, 0) {
		if slices.Min(shape) < 0 {
			return nil, fmt.Errorf("a tensor of shape %v", shape)
		}
		return &Tensor{Dtype: s.dtype, Shape: shape}, nil
	}
	count, last, contiguous := 1, offset, true
	for i := len(shape) - 1; i >= 0; i-- {
		n, stride := shape[i], strides[i]
		if n < 0 || stride < 0 {
			return nil, fmt.Errorf("a tensor of shape %v with strides %v", shape, strides)
		}
		if n > 1 && stride != count {
			contiguous = false
		}
		// Each factor is bounded before it is multiplied, so nothing overflows.
		outside := offset < 0 || offset >= stored || n > stored || (n > 1 && stride >= stored)
		if !outside {
			count *= n
			last += (n - 1) * stride
		}
		if outside || count > stored || last >= stored {
			return nil, fmt.Errorf("a tensor of shape %v with strides %v and offset %d does not fit its storage of %d values",
				shape, strides, offset, stored)
		}
	}
	if count > stored || offset < 0 || offset >= stored { // a scalar
		return nil, fmt.Errorf("a scalar at offset %d of a storage of %d values", offset, stored)
	}
	t := &Tensor{Dtype: s.dtype, Shape: shape}
	if contiguous {
		end := (offset + count) * s.size
		t.Data = s.data[offset*s.size : end : end]
		return t, nil
	}
	if r.copies -= count * s.size; r.copies < 0 {
		return nil, errors.New("its strided tensors overlap: copies of them would be many times larger than the file")
	}
	t.Data = s.gather(offset, shape, strides, count)
	return t, nil
}

// gather copies a strided view to C order.
func (s *storage) gather(offset int, shape, strides []int, count int) []byte {
	out := make([]byte, 0, count*s.size)
	inner := len(shape) - 1
	index := make([]int, len(shape))
	for len(out) < cap(out) {
		at := offset
		for d, i := range index {
			at += i * strides[d]
		}
		for range shape[inner] {
			out = append(out, s.data[at*s.size:(at+1)*s.size]...)
			at += strides[inner]
		}
		for d := inner - 1; d >= 0; d-- {
			if index[d]++; index[d] < shape[d] {
				break
			}
			index[d] = 0
		}
	}
	return out
}
