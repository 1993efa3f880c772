package checkpoint

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// AsDict returns the entries of either kind of dictionary, and nil for anything else.
func AsDict(v any) Dict {
	switch v := v.(type) {
	case Dict:
		return v
	case OrderedDict:
		return Dict(v)
	}
	return nil
}

// Dict returns the dictionary under a key, and nil if there is none.
func (d Dict) Dict(key any) Dict { return AsDict(d.Get(key)) }

// Int returns the whole number under a key, and 0 if there is none.
func (d Dict) Int(key any) int {
	n, _ := d.Get(key).(int)
	return n
}

// Tensor returns the tensor under a key, and nil if there is none.
func (d Dict) Tensor(key any) *Tensor {
	t, _ := d.Get(key).(*Tensor)
	return t
}

// keyTag is the tag of a field that Encode and Decode move.
const keyTag = "key"

// Encode returns a struct as a dictionary: each field with a tag key:"NAME" under that
// name, in the order of declaration, those of an embedded struct in its place. Fields are
// ints, floats, bools, strings, lists of strings, maps of strings (in the order of their
// keys), and structs, which become dictionaries.
func Encode(v any) Dict { return encode(reflect.ValueOf(v)) }

func encode(v reflect.Value) Dict {
	d := Dict{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Anonymous {
			d = append(d, encode(v.Field(i))...)
		} else if key := f.Tag.Get(keyTag); key != "" {
			d = append(d, Item{Key: key, Value: plain(v.Field(i))})
		}
	}
	return d
}

// plain is a field's value as files hold it.
func plain(v reflect.Value) any {
	switch x := v.Interface().(type) {
	case int, float64, bool, string:
		return x
	case []string:
		list := make([]any, len(x))
		for i, s := range x {
			list[i] = s
		}
		return list
	case map[string]string:
		d := Dict{}
		for _, key := range slices.Sorted(maps.Keys(x)) {
			d = append(d, Item{Key: key, Value: x[key]})
		}
		return d
	}
	if v.Kind() == reflect.Struct {
		return encode(v)
	}
	panic(fmt.Sprintf("checkpoint: a field of type %v has no form in a file", v.Type()))
}

// Decode fills the fields of the struct that to points to from the dictionary, as Encode
// has them. A field whose key is missing, or holds another kind of value, becomes zero:
// older files lack what was added later. Keys without a field are left out.
func (d Dict) Decode(to any) { decode(d, reflect.ValueOf(to).Elem()) }

func decode(d Dict, to reflect.Value) {
	for i := range to.NumField() {
		f := to.Type().Field(i)
		if f.Anonymous {
			decode(d, to.Field(i))
		} else if key := f.Tag.Get(keyTag); key != "" {
			set(to.Field(i), d.Get(key))
		}
	}
}

// set gives a field the value of a file.
func set(field reflect.Value, v any) {
	switch field.Interface().(type) {
	case []string:
		var texts []string
		list, _ := v.([]any)
		for _, x := range list {
			texts = append(texts, fmt.Sprint(x))
		}
		field.Set(reflect.ValueOf(texts))
		return
	case map[string]string:
		texts := map[string]string{}
		for _, i := range AsDict(v) {
			texts[fmt.Sprint(i.Key)] = fmt.Sprint(i.Value)
		}
		field.Set(reflect.ValueOf(texts))
		return
	}
	switch x := reflect.ValueOf(v); {
	case field.Kind() == reflect.Struct:
		decode(AsDict(v), field)
	case v != nil && x.Type() == field.Type():
		field.Set(x)
	default:
		field.SetZero()
	}
}
