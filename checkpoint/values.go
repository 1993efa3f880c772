package checkpoint

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"contralens/checkpoint/pickle"
)

// These limits bound the time to walk values that are referenced from several places.
const (
	maxValues = 32_000_000
	maxDepth  = 200
)

// reader converts the values of a pickle to those of this package.
type reader struct {
	fetch    func(key string) ([]byte, error) // returns the data of a storage
	storages map[string]*storage
	nested   map[*pickle.Object]*storage // of files within the file
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

func newReader(fileSize int) *reader {
	return &reader{
		storages: map[string]*storage{}, nested: map[*pickle.Object]*storage{}, done: map[any]converted{},
		open: map[any]bool{}, copies: 2*fileSize + 1<<20,
	}
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
		if strings.HasPrefix(string(v), "torch.") && storages[string(v[6:])].size > 0 {
			return string(v), nil // an element type
		}
		return Foreign{"the class " + fmt.Sprintf("%.100s", string(v))}, nil
	case pickle.Persistent:
		return Foreign{"a storage without a tensor"}, nil
	case pickle.Tuple:
		return r.container(v.Identity(), v)
	case *pickle.Dict, *pickle.List, *pickle.Object:
		return r.container(v, v)
	}
	return nil, fmt.Errorf("want a value, got a %T", v)
}

// container converts a value that may be referenced from several places, and that id
// identifies. It converts it only once.
func (r *reader) container(id, v any) (out any, err error) {
	if d, ok := r.done[id]; ok {
		r.values += d.size
		return d.value, nil
	}
	if id != nil && r.open[id] {
		return nil, errors.New("a container contains itself")
	}
	r.open[id] = true
	defer delete(r.open, id)
	before := r.values
	switch v := v.(type) {
	case pickle.Tuple:
		out, err = r.list(v)
	case *pickle.Dict:
		out, err = r.dict(v.Items)
	case *pickle.List:
		out, err = r.list(v.Items)
	case *pickle.Object:
		out, err = passOver(r.object(v))
	}
	if err == nil && id != nil {
		r.done[id] = converted{out, r.values - before}
	}
	return out, err
}

func (r *reader) dict(items []pickle.Item) (Dict, error) {
	d := make(Dict, 0, len(items))
	at := map[any]int{}
	for _, i := range items {
		key, plain := r.key(i.Key)
		v, err := r.value(i.Value)
		if err != nil {
			return nil, fmt.Errorf("%.60v: %w", key, err)
		}
		if n, ok := at[key]; ok && plain {
			d[n].Value = v
			continue
		}
		if plain {
			at[key] = len(d)
		}
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

// object converts an object that a pickle makes. The error is an *unreadable if its class
// is not known to hold plain data.
func (r *reader) object(o *pickle.Object) (any, error) {
	name := strings.Replace(string(o.Class), "__builtin__.", "builtins.", 1)
	if b, ok := encoded(o); ok {
		return r.value(b)
	}
	switch name {
	case "collections.OrderedDict":
		items, err := r.entries(o)
		return OrderedDict(items), err
	case "collections.defaultdict", "collections.Counter":
		return r.entries(o)
	case "argparse.Namespace", "types.SimpleNamespace":
		if d, ok := o.State.(*pickle.Dict); ok {
			return r.dict(d.Items)
		}
		if o.State == nil {
			return Dict{}, nil
		}
	case "pathlib.PosixPath", "pathlib.PurePosixPath", "pathlib.WindowsPath", "pathlib.PureWindowsPath",
		// of Python 3.13
		"pathlib._local.PosixPath", "pathlib._local.PurePosixPath",
		"pathlib._local.WindowsPath", "pathlib._local.PureWindowsPath":
		parts, err := r.list(o.Args)
		names := make([]string, len(parts))
		for i, part := range parts {
			names[i] = fmt.Sprint(part)
		}
		path := strings.Join(names, "/")
		if strings.HasPrefix(path, "//") { // the root is a part of its own
			path = path[1:]
		}
		return path, err
	case "torch.device":
		parts, err := r.list(o.Args)
		return strings.TrimSuffix(fmt.Sprintln(parts...), "\n"), err
	case "torch.Size", "builtins.set", "builtins.frozenset", "builtins.list", "builtins.tuple",
		"torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state",
		"torch._utils._rebuild_device_tensor_from_numpy", "torch._utils._rebuild_xla_tensor":
		if len(o.Args) > 0 {
			return r.value(o.Args[0])
		}
	case "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3":
		return r.tensor(o.Args)
	case "copy_reg._reconstructor", "copyreg._reconstructor": // class, base, content of the base; protocols 0 and 1
		if class, ok := first(o.Args).(pickle.Class); ok && len(o.Args) == 3 {
			made := &pickle.Object{Class: class, State: o.State, Dict: o.Dict, List: o.List}
			if base, ok := o.Args[2].(*pickle.Dict); ok {
				made.Dict.Items = slices.Concat(base.Items, o.Dict.Items)
			}
			return r.object(made)
		}
	case "torch._tensor._rebuild_from_type_v2":
		return r.subclass(o)
	}
	if module, function, ok := cutLast(name); ok && strings.HasPrefix(module, "numpy") {
		return r.array(function, o)
	}
	return r.foreign(o)
}

// first returns the first value of a tuple, or nil.
func first(t pickle.Tuple) any {
	if len(t) == 0 {
		return nil
	}
	return t[0]
}

// cutLast cuts a name at its last dot.
func cutLast(name string) (before, after string, found bool) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return "", name, false
	}
	return name[:i], name[i+1:], true
}

// subclass converts torch._tensor._rebuild_from_type_v2(function, type, arguments, state),
// a tensor with attributes of its own, or a parameter.
func (r *reader) subclass(o *pickle.Object) (any, error) {
	if len(o.Args) < 3 {
		return r.foreign(o)
	}
	function, ok1 := o.Args[0].(pickle.Class)
	class, ok2 := o.Args[1].(pickle.Class)
	args, ok3 := o.Args[2].(pickle.Tuple)
	plain := class == "torch.Tensor" || class == "torch._tensor.Tensor" || class == "torch.nn.parameter.Parameter"
	if !ok1 || !ok2 || !ok3 || !plain {
		return nil, pass("a tensor of the class %.100v", o.Args[1])
	}
	return r.value(&pickle.Object{Class: function, Args: args})
}

// entries returns the entries of a dictionary's subclass, which are set one by one, or
// passed as a dictionary (Counter), or as a list of pairs (Python 2).
func (r *reader) entries(o *pickle.Object) (Dict, error) {
	items := o.Dict.Items
	for _, arg := range o.Args {
		switch arg := arg.(type) {
		case *pickle.Dict:
			items = append(items, arg.Items...)
		case *pickle.List:
			for _, x := range arg.Items {
				var pair []any
				switch x := x.(type) {
				case *pickle.List:
					pair = x.Items
				case pickle.Tuple:
					pair = x
				}
				if len(pair) != 2 {
					return nil, errors.New("a dictionary whose elements are not pairs")
				}
				items = append(items, pickle.Item{Key: pair[0], Value: pair[1]})
			}
		}
	}
	return r.dict(items)
}
