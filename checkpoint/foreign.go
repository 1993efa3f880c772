package checkpoint

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"unicode/utf8"

	"contralens/checkpoint/pickle"
)

// Foreign stands for a value that was passed over: nothing of it was built or run. It may
// be an object of another program's class, or a tensor of a kind that [Tensor] has not.
type Foreign struct {
	What string // such as "an object of the class omegaconf.dictconfig.DictConfig"
}

func (f Foreign) String() string { return f.What }

// unreadable is the error of a value that becomes a Foreign.
type unreadable struct{ Foreign }

func (u *unreadable) Error() string { return u.What }

func pass(format string, args ...any) error {
	return &unreadable{Foreign{fmt.Sprintf(format, args...)}}
}

// passOver returns a Foreign in place of a value whose error is an *unreadable.
func passOver(v any, err error) (any, error) {
	if u := (*unreadable)(nil); errors.As(err, &u) {
		return u.Foreign, nil
	}
	return v, err
}

// maxForeign bounds the list of values that were passed over.
const maxForeign = 1000

// Foreign lists the values of a tree that were passed over, each as "path: what it is", in
// the order of the file. Of very many it lists the first thousand.
func (d Dict) Foreign() []string {
	var found []string
	var walk func(path string, v any)
	walk = func(path string, v any) {
		if len(found) >= maxForeign {
			return
		}
		switch v := v.(type) {
		case Foreign:
			found = append(found, fmt.Sprintf("%s: %s", strings.TrimPrefix(path, "."), v.What))
		case Dict:
			for _, i := range v {
				walk(path+"."+fmt.Sprint(i.Key), i.Value)
			}
		case OrderedDict:
			walk(path, Dict(v))
		case []any:
			for n, x := range v {
				walk(fmt.Sprint(path, ".", n), x)
			}
		}
	}
	walk("", d)
	return found
}

// hasTensor reports whether there is a tensor in a tree.
func hasTensor(v any) bool {
	switch v := v.(type) {
	case *Tensor:
		return true
	case Dict:
		for _, i := range v {
			if hasTensor(i.Value) {
				return true
			}
		}
	case OrderedDict:
		return hasTensor(Dict(v))
	case []any:
		for _, x := range v {
			if hasTensor(x) {
				return true
			}
		}
	}
	return false
}

// foreign returns the Foreign of an object, unless it is a container of another class, such
// as a subclass of OrderedDict: entries and elements that a pickle adds to an object are
// plain data.
func (r *reader) foreign(o *pickle.Object) (any, error) {
	switch {
	case len(o.Dict.Items) > 0:
		return r.dict(o.Dict.Items)
	case len(o.List.Items) > 0:
		return r.list(o.List.Items)
	}
	if o.Class == "__builtin__.getattr" || o.Class == "builtins.getattr" { // such as an enumeration's member
		if class, ok := attribute(o.Args); ok {
			return nil, pass("%.60s of the class %.100s", o.Args[1], class)
		}
	}
	return nil, pass("an object of the class %.100s", o.Class)
}

// attribute returns the class in the arguments of getattr(class, name).
func attribute(args pickle.Tuple) (class pickle.Class, ok bool) {
	if len(args) != 2 {
		return "", false
	}
	class, ok = args[0].(pickle.Class)
	_, named := args[1].(string)
	return class, ok && named
}

// key returns the key of an entry: a string or an int. Keys of other types become text.
func (r *reader) key(k any) (key any, plain bool) {
	switch k := k.(type) {
	case string, int:
		return k, true
	case []byte:
		if utf8.Valid(k) {
			return string(k), false
		}
		return fmt.Sprintf("%.64x", k), false
	case bool, float64, nil, *big.Int:
		return fmt.Sprint(k), false
	case pickle.Class:
		return string(k), false
	case *pickle.Object:
		if b, ok := encoded(k); ok {
			return r.key(b)
		}
		if len(k.Args) == 1 { // such as an enumeration's member
			if s, ok := k.Args[0].(string); ok {
				return fmt.Sprintf("%s(%.60s)", k.Class, s), false
			}
		}
		return string(k.Class), false
	case pickle.Tuple:
		if v, err := r.value(k); err == nil {
			return fmt.Sprintf("%.80s", fmt.Sprint(v)), false
		}
	}
	return fmt.Sprintf("a key of type %T", k), false
}

// encoded returns the bytes of a call of _codecs.encode, the form of bytes in protocol 2:
// a string with one letter per byte. No bytes are a call of the class without arguments.
func encoded(o *pickle.Object) ([]byte, bool) {
	if (o.Class == "__builtin__.bytes" || o.Class == "builtins.bytes") && len(o.Args) == 0 {
		return []byte{}, true
	}
	if o.Class != "_codecs.encode" || len(o.Args) != 2 || o.Args[1] != "latin1" {
		return nil, false
	}
	s, ok := o.Args[0].(string)
	if !ok {
		return nil, false
	}
	b := make([]byte, 0, len(s))
	for _, c := range s {
		if c > 255 {
			return nil, false
		}
		b = append(b, byte(c))
	}
	return b, true
}
