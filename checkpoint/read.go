package checkpoint

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/nlpodyssey/gopickle/pickle"
	"github.com/nlpodyssey/gopickle/pytorch"
	"github.com/nlpodyssey/gopickle/types"
)

// Read reads a file that torch.save wrote, in its zip format or the one before.
// Classes other than tensors, dictionaries and argparse.Namespace are refused
// and nothing in the file is ever run. Tensors in half precision come as
// float32, strided views as copies in C order.
func Read(path string) (root Dict, err error) {
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return nil, fmt.Errorf("checkpoint %s: want a .pth file, but there is none of that name", path)
	}
	defer func() {
		if r := recover(); r != nil {
			root, err = nil, fmt.Errorf("checkpoint %s: want a file written by torch.save or contralens, but it is damaged (%v)", path, r)
		}
	}()
	v, err := pytorch.LoadWithUnpickler(path, func(r io.Reader) pickle.Unpickler {
		u := pickle.NewUnpickler(r)
		u.FindClass = findClass
		return u
	})
	if err == nil {
		v, err = value(v)
	}
	if err != nil {
		return nil, fmt.Errorf("checkpoint %s: want a file written by torch.save or contralens: %w", path, err)
	}
	switch v := v.(type) {
	case Dict:
		return v, nil
	case OrderedDict:
		return Dict(v), nil
	}
	return nil, fmt.Errorf("checkpoint %s: want a dictionary, got %T", path, v)
}

func findClass(module, name string) (any, error) {
	switch module + "." + name {
	case "argparse.Namespace":
		return namespaceClass{}, nil
	case "torch._utils._rebuild_parameter":
		return rebuildParameter{}, nil
	}
	return nil, fmt.Errorf("it contains the class %s.%s, which is not loaded: it could run code", module, name)
}

// namespace is an argparse.Namespace: its attributes.
type namespace struct{ items Dict }

type namespaceClass struct{}

func (namespaceClass) PyNew(...any) (any, error) { return &namespace{}, nil }
func (namespaceClass) Call(...any) (any, error)  { return &namespace{}, nil }

func (n *namespace) PyDictSet(key, v any) error {
	n.items = append(n.items, Item{key, v})
	return nil
}

// PySetState takes the attributes as pickle's BUILD gives them.
func (n *namespace) PySetState(state any) error {
	v, err := value(state)
	if d, ok := v.(Dict); ok {
		n.items = append(n.items, d...)
	}
	return err
}

type rebuildParameter struct{}

// Call takes the tensor out of a parameter.
func (rebuildParameter) Call(args ...any) (any, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("a parameter without a tensor")
	}
	return args[0], nil
}

// value turns the unpickler's values into ours.
func value(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, int, float64, string:
		return v, nil
	case *types.Dict:
		d := Dict{}
		for _, e := range *v {
			if err := put((*[]Item)(&d), e.Key, e.Value); err != nil {
				return nil, err
			}
		}
		return d, nil
	case *types.OrderedDict:
		d := OrderedDict{}
		for e := v.List.Front(); e != nil; e = e.Next() {
			entry := e.Value.(*types.OrderedDictEntry)
			if err := put((*[]Item)(&d), entry.Key, entry.Value); err != nil {
				return nil, err
			}
		}
		return d, nil
	case *types.List:
		return list(*v)
	case *types.Tuple:
		return list(*v)
	case *namespace:
		return v.items, nil
	case *pytorch.Tensor:
		return tensor(v)
	}
	return fmt.Sprintf("%v", v), nil
}

func put(items *[]Item, key, x any) error {
	switch key.(type) {
	case string, int:
	default:
		key = fmt.Sprint(key)
	}
	x, err := value(x)
	*items = append(*items, Item{key, x})
	return err
}

func list(values []any) (any, error) {
	out := make([]any, len(values))
	for i, x := range values {
		var err error
		if out[i], err = value(x); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// tensor copies a tensor out of its storage.
func tensor(t *pytorch.Tensor) (*Tensor, error) {
	var dtype string
	var put func(b []byte, at int) []byte
	length := 0
	le := binary.LittleEndian
	floats := func(data []float32) {
		dtype, length = "float32", len(data)
		put = func(b []byte, at int) []byte { return le.AppendUint32(b, math.Float32bits(data[at])) }
	}
	switch s := t.Source.(type) {
	case *pytorch.FloatStorage:
		floats(s.Data)
	case *pytorch.HalfStorage:
		floats(s.Data)
	case *pytorch.BFloat16Storage:
		floats(s.Data)
	case *pytorch.DoubleStorage:
		dtype, length = "float64", len(s.Data)
		put = func(b []byte, at int) []byte { return le.AppendUint64(b, math.Float64bits(s.Data[at])) }
	case *pytorch.LongStorage:
		dtype, length = "int64", len(s.Data)
		put = func(b []byte, at int) []byte { return le.AppendUint64(b, uint64(s.Data[at])) }
	case *pytorch.IntStorage:
		dtype, length = "int32", len(s.Data)
		put = func(b []byte, at int) []byte { return le.AppendUint32(b, uint32(s.Data[at])) }
	case *pytorch.ByteStorage:
		dtype, length = "uint8", len(s.Data)
		put = func(b []byte, at int) []byte { return append(b, s.Data[at]) }
	case *pytorch.BoolStorage:
		dtype, length = "bool", len(s.Data)
		put = func(b []byte, at int) []byte {
			if s.Data[at] {
				return append(b, 1)
			}
			return append(b, 0)
		}
	default:
		return nil, fmt.Errorf("a tensor of type %T is not supported", t.Source)
	}
	count, last := 1, t.StorageOffset
	for i, n := range t.Size {
		if n < 0 || i >= len(t.Stride) || t.Stride[i] < 0 {
			return nil, fmt.Errorf("a tensor has the shape %v and strides %v", t.Size, t.Stride)
		}
		count *= n
		last += (n - 1) * t.Stride[i]
	}
	if count > 0 && (t.StorageOffset < 0 || last >= length) {
		return nil, fmt.Errorf("a tensor of shape %v reaches beyond its %d stored values", t.Size, length)
	}
	out := &Tensor{Dtype: dtype, Shape: append([]int{}, t.Size...), Data: make([]byte, 0, count*storages[dtype].size)}
	index := make([]int, len(t.Size))
	for range count {
		at := t.StorageOffset
		for d, i := range index {
			at += i * t.Stride[d]
		}
		out.Data = put(out.Data, at)
		for d := len(index) - 1; d >= 0; d-- {
			if index[d]++; index[d] < t.Size[d] {
				break
			}
			index[d] = 0
		}
	}
	return out, nil
}

// FromFloat32 makes a float32 tensor.
func FromFloat32(values []float32, shape ...int) *Tensor {
	b := make([]byte, 0, 4*len(values))
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return &Tensor{"float32", shape, b}
}

// FromInt64 makes an int64 tensor.
func FromInt64(values []int64, shape ...int) *Tensor {
	b := make([]byte, 0, 8*len(values))
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	return &Tensor{"int64", shape, b}
}

// Float32s are the values converted to float32.
func (t *Tensor) Float32s() []float32 {
	size := storages[t.Dtype].size
	out := make([]float32, len(t.Data)/size)
	for i := range out {
		b := t.Data[i*size:]
		switch t.Dtype {
		case "float32":
			out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b))
		case "float64":
			out[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(b)))
		case "int64":
			out[i] = float32(int64(binary.LittleEndian.Uint64(b)))
		case "int32":
			out[i] = float32(int32(binary.LittleEndian.Uint32(b)))
		default:
			out[i] = float32(b[0])
		}
	}
	return out
}
