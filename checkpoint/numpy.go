package checkpoint

import (
	"errors"
	"fmt"
	"slices"

	"contralens/checkpoint/pickle"
)

// dtypes maps NumPy's names of element types to ours.
var dtypes = map[string]string{
	"f4": "float32", "f8": "float64", "f2": "float16", "i8": "int64", "i4": "int32",
	"i2": "int16", "i1": "int8", "u1": "uint8", "b1": "bool",
}

// array converts a pickled NumPy array or scalar. The error is an *unreadable for anything
// else of NumPy, such as arrays of an element type that is not in dtypes.
func (r *reader) array(function string, o *pickle.Object) (any, error) {
	var dtype, shape, data any
	fortran := false
	switch args, state := o.Args, tuple(o.State); {
	case function == "_reconstruct" && len(state) == 5: // version, shape, dtype, Fortran order, data
		shape, dtype, data = state[1], state[2], state[4]
		fortran, _ = state[3].(bool)
	case function == "_frombuffer" && len(args) == 4: // data, dtype, shape, order
		data, dtype, shape = args[0], args[1], args[2]
		fortran = args[3] == "F"
	case function == "scalar" && len(args) == 2:
		dtype, data, shape = args[0], args[1], pickle.Tuple{}
	case function == "dtype" && len(args) > 0:
		return r.value(args[0])
	default:
		return r.foreign(o)
	}
	s, err := numpyStorage(dtype, data)
	if err != nil {
		return nil, err
	}
	sizes, err := ints(shape)
	if err != nil {
		return nil, err
	}
	if slices.Contains(sizes, 0) && slices.Min(sizes) == 0 {
		return &Tensor{Dtype: s.dtype, Shape: sizes}, nil
	}
	strides, count := make([]int, len(sizes)), 1
	for k := range sizes {
		i := len(sizes) - 1 - k
		if fortran {
			i = k
		}
		strides[i] = count
		if n := sizes[i]; n < 0 || n > len(s.data) {
			return nil, fmt.Errorf("an array of shape %v with %d bytes", sizes, len(s.data))
		}
		if count *= max(sizes[i], 1); count > len(s.data)+1 {
			return nil, fmt.Errorf("an array of shape %v with %d bytes", sizes, len(s.data))
		}
	}
	return r.view(s, 0, sizes, strides)
}

func tuple(v any) pickle.Tuple {
	t, _ := v.(pickle.Tuple)
	return t
}

func numpyStorage(dtype, data any) (*storage, error) {
	d, ok := dtype.(*pickle.Object)
	if !ok || d.Class != "numpy.dtype" || len(d.Args) == 0 {
		return nil, pass("a NumPy array of an element type that is not NumPy's own")
	}
	name, _ := d.Args[0].(string)
	known, ok := dtypes[name]
	if !ok {
		return nil, pass("a NumPy array of the element type %.20q", name)
	}
	if state := tuple(d.State); len(state) > 1 && state[1] == ">" {
		return nil, pass("a big-endian NumPy array")
	}
	if o, ok := data.(*pickle.Object); ok {
		if b, ok := encoded(o); ok {
			data = b
		}
	}
	s := &storage{dtype: known, size: storages[known].size}
	switch data := data.(type) {
	case []byte:
		s.data = data
	case string: // Python 2: one letter per byte
		b, ok := encoded(&pickle.Object{Class: "_codecs.encode", Args: pickle.Tuple{data, "latin1"}})
		if !ok {
			return nil, errors.New("a NumPy array whose content is not bytes")
		}
		s.data = b
	default:
		return nil, pass("a NumPy array whose content is not in it")
	}
	return s, nil
}
