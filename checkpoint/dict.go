package checkpoint

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// AsDict returns v as a Dict if it is a Dict or an OrderedDict, and nil otherwise.
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

// Int returns the integer under a key, and 0 if there is none.
func (d Dict) Int(key any) int {
	n, _ := d.Get(key).(int)
	return n
}

// Tensor returns the tensor under a key, and nil if there is none.
func (d Dict) Tensor(key any) *Tensor {
	t, _ := d.Get(key).(*Tensor)
	return t
}

// keyTag is the tag of fields that Encode and Decode convert.
const keyTag = "key"

// Encode converts a struct to a dictionary. It stores each field with a tag key:"NAME"
// under that name, in the order of declaration; the fields of an embedded struct take its
// place. Fields are int, float64, bool, string, []string, map[string]string (sorted by
// key), or structs, which become dictionaries. It panics for any other type.
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

// plain converts the value of a field to the types of this package.
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
	panic(fmt.Sprintf("checkpoint: cannot encode a field of type %v", v.Type()))
}

// Decode sets the fields of the struct that to points to; it is the inverse of Encode. A
// field becomes zero if its key is missing, as in older files, or if the value has another
// type. Keys without a field are ignored.
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

// set sets a field to a value of a file.
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
