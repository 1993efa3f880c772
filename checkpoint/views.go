package checkpoint

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"contralens/checkpoint/pickle"
)

// tensor implements torch._utils._rebuild_tensor_v2(storage, offset, shape, strides, …),
// and version 3, whose storage is bytes and whose seventh argument is the element type.
func (r *reader) tensor(args pickle.Tuple) (*Tensor, error) {
	if len(args) < 4 {
		return nil, fmt.Errorf("a tensor of %d arguments", len(args))
	}
	s, err := r.storage(args[0])
	if err != nil {
		return nil, err
	}
	if s.class == untyped && len(args) > 6 {
		class, _ := args[6].(pickle.Class)
		dtype := strings.TrimPrefix(string(class), "torch.")
		s = &storage{dtype: dtype, size: storages[dtype].size, data: s.data, class: "elements " + string(class)}
	}
	if storages[s.dtype].size == 0 {
		return nil, pass("a tensor of %.60s", s.class)
	}
	offset, ok := args[1].(int)
	shape, err1 := ints(args[2])
	strides, err2 := ints(args[3])
	if err := errors.Join(err1, err2); err != nil || !ok {
		return nil, fmt.Errorf("a tensor with the offset %.40v: %w", args[1], err)
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

// view returns a tensor in a storage. It shares memory if the strides are those of C
// order, and is a copy otherwise. The error is an *unreadable for views that take far more
// memory than the file has, because a few bytes could fill the memory.
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
	const most = 1 << 40 // elements; each factor is bounded before it is multiplied
	count, own, last, contiguous := 1, 1, offset, true
	for i := len(shape) - 1; i >= 0; i-- {
		n, stride := shape[i], strides[i]
		if n < 0 || stride < 0 {
			return nil, fmt.Errorf("a tensor of shape %v with strides %v", shape, strides)
		}
		if n > 1 && stride != count {
			contiguous = false
		}
		// An expanded dimension, of stride 0, repeats what is stored.
		outside := offset < 0 || offset >= stored || (n > 1 && stride > 0 && (n > stored || stride >= stored))
		if !outside && n > 1 {
			last += (n - 1) * stride
		}
		if outside || last >= stored {
			return nil, fmt.Errorf("a tensor of shape %v with strides %v and offset %d does not fit its storage of %d values",
				shape, strides, offset, stored)
		}
		if stride > 0 || n == 1 {
			own = min(own*n, most)
		}
		if n > most || count > most/n || own > stored {
			return nil, pass("a tensor of shape %v that repeats %d values", shape, stored)
		}
		count *= n
	}
	if offset < 0 || offset >= stored { // a scalar
		return nil, fmt.Errorf("a scalar at offset %d of a storage of %d values", offset, stored)
	}
	t := &Tensor{Dtype: s.dtype, Shape: shape}
	if contiguous {
		end := (offset + count) * s.size
		t.Data = s.data[offset*s.size : end : end]
		return t, nil
	}
	if count > r.copies/s.size {
		return nil, pass("a tensor of shape %v that repeats %d values", shape, stored)
	}
	r.copies -= count * s.size
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
