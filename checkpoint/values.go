package checkpoint

import (
	"errors"
	"fmt"
	"math/big"
	"strings"

	"contralens/checkpoint/pickle"
)

// These limits bound the memory of values that are referenced from several places.
const (
	maxValues = 5_000_000
	maxDepth  = 200
)

// classes are the classes that a file may contain. (*reader).object converts their
// objects.
var classes = map[pickle.Class]bool{
	"collections.OrderedDict": true, "collections.defaultdict": true, "argparse.Namespace": true, "_codecs.encode": true,
	"pathlib.PosixPath": true, "pathlib.PurePosixPath": true,
	"torch._utils._rebuild_tensor": true, "torch._utils._rebuild_tensor_v2": true, "torch._utils._rebuild_parameter": true,
	"torch.Size": true, "torch.device": true,
	"numpy.ndarray": true, "numpy.dtype": true,
}

func init() {
	for _, name := range []string{"set", "frozenset", "list", "tuple", "dict", "int", "float", "bool", "str"} {
		classes[pickle.Class("builtins."+name)] = true
		classes[pickle.Class("__builtin__."+name)] = true
	}
	for _, core := range []string{"numpy.core.", "numpy._core."} {
		classes[pickle.Class(core+"multiarray._reconstruct")] = true
		classes[pickle.Class(core+"multiarray.scalar")] = true
		classes[pickle.Class(core+"numeric._frombuffer")] = true
	}
	for dtype, s := range storages {
		classes[pickle.Class("torch."+s.class)] = true
		classes[pickle.Class("torch."+dtype)] = true
	}
}

func allowed(c pickle.Class) bool { return classes[c] }

// reader converts the values of a pickle to those of this package.
type reader struct {
	fetch    func(key string) ([]byte, error) // returns the data of a storage in a zip
	storages map[string]*storage
	pending  bool // the data of the storages comes later: record only their types
	done     map[any]converted
	open     map[any]bool // containers that enclose the current value
	values   int
	depth    int
	copies   int // bytes that copies of strided views may still take
}

type converted struct {
	value any
	size  int // number of values in it
}

// storage is the memory that tensors are views of.
type storage struct {
	dtype string
	size  int // bytes per element
	data  []byte
}

func newReader(fileSize int) *reader {
	return &reader{storages: map[string]*storage{}, done: map[any]converted{}, open: map[any]bool{},
		copies: 2*fileSize + 1<<16}
}

func (r *reader) value(v any) (any, error) {
	if r.values++; r.values > maxValues {
		return nil, fmt.Errorf("more than %d values", maxValues)
	}
	if r.depth++; r.depth > maxDepth {
		return nil, fmt.Errorf("more than %d nested containers", maxDepth)
	}
	defer func() { r.depth-- }()
	switch v := v.(type) {
	case nil, bool, int, float64, string:
		return v, nil
	case *big.Int:
		return v.String(), nil
	case []byte:
		return fmt.Sprintf("%x", v[:min(len(v), 64)]), nil
	case pickle.Class:
		return string(v), nil
	case pickle.Tuple:
		return r.list(v)
	case *pickle.Dict, *pickle.List, *pickle.Object:
		return r.container(v)
	}
	return nil, fmt.Errorf("want a value, got a %T", v)
}

// container converts a value that may be referenced from several places. It converts it
// only once.
func (r *reader) container(v any) (out any, err error) {
	if d, ok := r.done[v]; ok {
		r.values += d.size
		return d.value, nil
	}
	if r.open[v] {
		return nil, errors.New("a container contains itself")
	}
	r.open[v] = true
	defer delete(r.open, v)
	before := r.values
	switch v := v.(type) {
	case *pickle.Dict:
		out, err = r.dict(v.Items)
	case *pickle.List:
		out, err = r.list(v.Items)
	case *pickle.Object:
		out, err = r.object(v)
	}
	r.done[v] = converted{out, r.values - before}
	return out, err
}

func (r *reader) dict(items []pickle.Item) (Dict, error) {
	d := make(Dict, 0, len(items))
	at := map[any]int{}
	for _, i := range items {
		var key any
		switch k := i.Key.(type) {
		case string, int:
			key = k
		case bool, float64, pickle.Class, nil:
			key = fmt.Sprint(k)
		default:
			return nil, fmt.Errorf("a key of type %T", k)
		}
		v, err := r.value(i.Value)
		if err != nil {
			return nil, fmt.Errorf("%.60v: %w", key, err)
		}
		if n, ok := at[key]; ok {
			d[n].Value = v
			continue
		}
		at[key] = len(d)
		d = append(d, Item{key, v})
	}
	return d, nil
}

func (r *reader) list(values []any) ([]any, error) {
	out := make([]any, len(values))
	for i, x := range values {
		var err error
		if out[i], err = r.value(x); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// object converts the object that a call of an allowed class makes.
func (r *reader) object(o *pickle.Object) (any, error) {
	name := string(o.Class)
	module, function, _ := strings.Cut(name, ".")
	if i := strings.LastIndex(name, "."); module == "numpy" {
		function = name[i+1:]
	}
	switch {
	case name == "collections.OrderedDict":
		items, err := r.entries(o)
		return OrderedDict(items), err
	case name == "collections.defaultdict":
		return r.dict(o.Dict.Items)
	case name == "argparse.Namespace":
		if d, ok := o.State.(*pickle.Dict); ok {
			return r.dict(d.Items)
		}
		return Dict{}, nil
	case module == "pathlib":
		parts, err := r.list(o.Args)
		return strings.ReplaceAll(strings.Trim(strings.ReplaceAll(fmt.Sprint(parts...), "//", "/"), "[]"), " ", "/"), err
	case name == "torch.Size" && len(o.Args) == 1:
		return r.value(o.Args[0])
	case name == "torch.device":
		parts, err := r.list(o.Args)
		return strings.TrimSuffix(fmt.Sprintln(parts...), "\n"), err
	case name == "torch._utils._rebuild_parameter" && len(o.Args) > 0:
		return r.value(o.Args[0])
	case strings.HasPrefix(function, "_utils._rebuild_tensor"):
		return r.tensor(o.Args)
	case module == "numpy":
		return r.array(function, o)
	case (module == "builtins" || module == "__builtin__") && len(o.Args) == 1 &&
		(function == "set" || function == "frozenset" || function == "list" || function == "tuple"):
		return r.value(o.Args[0])
	}
	return nil, fmt.Errorf("a call of %s with %d arguments", name, len(o.Args))
}

// entries returns the entries of an OrderedDict, which are set one by one, or passed as a
// list of pairs (Python 2).
func (r *reader) entries(o *pickle.Object) (Dict, error) {
	items := o.Dict.Items
	if len(o.Args) == 1 {
		list, ok := o.Args[0].(*pickle.List)
		if !ok {
			return nil, fmt.Errorf("an OrderedDict of a %T", o.Args[0])
		}
		for _, x := range list.Items {
			var pair []any
			switch x := x.(type) {
			case *pickle.List:
				pair = x.Items
			case pickle.Tuple:
				pair = x
			}
			if len(pair) != 2 {
				return nil, errors.New("an OrderedDict whose elements are not pairs")
			}
			items = append(items, pickle.Item{Key: pair[0], Value: pair[1]})
		}
	}
	return r.dict(items)
}
