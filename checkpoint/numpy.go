package checkpoint

import (
	"errors"
	"fmt"

	"contralens/checkpoint/pickle"
)

// dtypes maps NumPy's names of element types to ours.
var dtypes = map[string]string{
	"f4": "float32", "f8": "float64", "f2": "float16", "i8": "int64", "i4": "int32",
	"i2": "int16", "i1": "int8", "u1": "uint8", "b1": "bool",
}

// array converts a pickled NumPy array or scalar.
func (r *reader) array(function string, o *pickle.Object) (any, error) {
	var dtype, shape, data any
	fortran := false
	switch args := o.Args; {
	case function == "_reconstruct": // the state is (version, shape, dtype, Fortran order, data)
		s, _ := o.State.(pickle.Tuple)
		if len(s) != 5 {
			return nil, errors.New("an array without its content")
		}
		shape, dtype, data = s[1], s[2], s[4]
		fortran, _ = s[3].(bool)
	case function == "_frombuffer" && len(args) == 4: // data, dtype, shape, order
		data, dtype, shape = args[0], args[1], args[2]
		fortran = args[3] == "F"
	case function == "scalar" && len(args) == 2:
		dtype, data, shape = args[0], args[1], pickle.Tuple{}
	case function == "dtype" && len(args) > 0:
		return r.value(args[0])
	default:
		return nil, fmt.Errorf("a call of numpy's %s with %d arguments", function, len(args))
	}
	s, err := numpyStorage(dtype, data)
	if err != nil {
		return nil, err
	}
	sizes, err := ints(shape)
	if err != nil {
		return nil, err
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

func numpyStorage(dtype, data any) (*storage, error) {
	d, ok := dtype.(*pickle.Object)
	if !ok || d.Class != "numpy.dtype" || len(d.Args) == 0 {
		return nil, errors.New("an array without its type")
	}
	name, _ := d.Args[0].(string)
	known, ok := dtypes[name]
	if !ok {
		return nil, fmt.Errorf("an array of the type %.20q", name)
	}
	if state, _ := d.State.(pickle.Tuple); len(state) > 1 && state[1] == ">" {
		return nil, errors.New("a big-endian array")
	}
	s := &storage{dtype: known, size: storages[known].size}
	// Protocol 2 writes bytes as a string with one letter per byte.
	if o, ok := data.(*pickle.Object); ok && o.Class == "_codecs.encode" && len(o.Args) == 2 && o.Args[1] == "latin1" {
		data = o.Args[0]
	}
	switch data := data.(type) {
	case []byte:
		s.data = data
	case string:
		s.data = make([]byte, 0, len(data))
		for _, c := range data {
			if c > 255 {
				return nil, errors.New("an array whose content is not bytes")
			}
			s.data = append(s.data, byte(c))
		}
	default:
		return nil, fmt.Errorf("an array whose content is a %T", data)
	}
	return s, nil
}
