package config

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Field is one option of a configuration, with the facts from the tags of the struct's
// field.
type Field struct {
	Name, Short, Help string
	Aliases           []string // former names
	Group             string   // heading in --help
	Everyday          bool     // the short --help shows it
	Runtime           bool     // the results do not depend on it
	Repeat            bool     // repetitions of one experiment differ in it
	Preset            bool     // a named method sets it
	Grows             bool     // it may change when a run resumes to train for more epochs
	Reference         bool     // it is typed in command lines of the reference implementation
	Ignored           bool     // accepted but not read
	Hidden            bool     // --help never shows it
	Auto              bool     // auto is a value; while it is not resolved, it is NaN
	Legend            string   // short name in legends; empty: Name; "-": not shown
	named             string   // tag name: its places in the names of runs
	usual             string   // the default, as typed
	value             reflect.Value
}

// Fields lists the options of a configuration in the order of declaration, given a
// pointer to the configuration.
func Fields(config any) []Field {
	v := reflect.ValueOf(config).Elem()
	return fields(v, Field{})
}

// fields lists the options of a struct; common has the facts that hold for all of them.
func fields(v reflect.Value, common Field) (list []Field) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		tag := f.Tag
		if f.Name == "_" {
			common.Group, common.Everyday = tag.Get("group"), tag.Get("everyday") == "true"
			continue
		}
		if f.Anonymous || tag.Get("ignored") != "" {
			inner := common
			inner.Ignored = common.Ignored || tag.Get("ignored") == "true"
			inner.Hidden = inner.Ignored
			options := fields(v.Field(i), inner)
			for _, name := range strings.Fields(tag.Get("hides")) {
				Find(options, name).Hidden = true
			}
			list = append(list, options...)
			continue
		}
		name := tag.Get("flag")
		if name == "" {
			continue
		}
		o := common
		o.Name, o.Short, o.Help, o.usual = name, tag.Get("short"), tag.Get("help"), tag.Get("default")
		o.named, o.Legend = tag.Get("name"), tag.Get("legend")
		o.Aliases = strings.Fields(tag.Get("alias"))
		everyday := tag.Get("everyday")
		o.Everyday = (everyday == "true" || common.Everyday && everyday != "false") && !o.Ignored
		o.Grows = tag.Get("grows") == "true"
		o.Reference, o.Auto = tag.Get("reference") == "true", tag.Get("auto") == "true"
		o.Runtime, o.Repeat, o.Preset = tag.Get("runtime") == "true", tag.Get("repeat") == "true", tag.Get("preset") == "true"
		if group := tag.Get("group"); group != "" {
			o.Group = group
		}
		o.value = v.Field(i)
		list = append(list, o)
	}
	return list
}

// Defaults sets every option that has a default tag to that default, given a pointer to
// the configuration.
func Defaults(config any) {
	for _, f := range Fields(config) {
		if f.usual == "" {
			continue
		}
		if err := f.Set(f.usual); err != nil {
			panic(fmt.Sprintf("config: default of --%s: %v", f.Name, err))
		}
	}
}

// Find returns the field with that name or former name, or nil. - and _ are the same.
func Find(fields []Field, name string) *Field {
	for i := range fields {
		if fields[i].Is(name) {
			return &fields[i]
		}
	}
	return nil
}

// Is reports whether name is the option's name or one of its former names; - and _ are
// the same.
func (f Field) Is(name string) bool {
	name = canonical(name)
	return canonical(f.Name) == name || slices.ContainsFunc(f.Aliases, func(a string) bool { return canonical(a) == name })
}

// Recorded returns the option's value in the record of a run or a checkpoint, which may
// use a former name.
func (f Field) Recorded(values map[string]string) (value string, ok bool) {
	for _, name := range append([]string{f.Name}, f.Aliases...) {
		if value, ok = values[name]; ok {
			return value, true
		}
	}
	return "", false
}

// Changed reports whether the value differs from the default of the option's tag.
func (f Field) Changed() bool {
	usual := Field{value: reflect.New(f.value.Type()).Elem()}
	if f.usual != "" && usual.Set(f.usual) != nil {
		return true
	}
	return usual.String() != f.String()
}

// IsBool reports whether the option is a switch.
func (f Field) IsBool() bool { return f.value.Kind() == reflect.Bool }

// Type returns the type of the option's value: bool, string, int, ints, float or floats.
func (f Field) Type() string {
	switch f.value.Interface().(type) {
	case bool:
		return "bool"
	case string:
		return "string"
	case int, uint64:
		return "int"
	case []int:
		return "ints"
	case []float64:
		return "floats"
	}
	return "float"
}

// String returns the value as it would be typed.
func (f Field) String() string {
	switch v := f.value.Interface().(type) {
	case float64:
		if f.Auto && math.IsNaN(v) {
			return "auto"
		}
		return fmt.Sprint(v)
	case []int:
		return join(v)
	case []float64:
		return join(v)
	case *float64:
		if v == nil {
			return ""
		}
		return fmt.Sprint(*v)
	default:
		return fmt.Sprint(v)
	}
}

// kinds describes types for error messages.
var kinds = map[string]string{
	"bool": "true or false", "int": "a whole number", "ints": "whole numbers separated by commas",
	"float": "a number", "floats": "numbers separated by commas",
}

// Set parses a value as typed and stores it.
func (f Field) Set(text string) error {
	var v any
	var err error
	switch f.value.Interface().(type) {
	case string:
		v = text
	case bool:
		v, err = strconv.ParseBool(text)
	case int:
		v, err = strconv.Atoi(text)
	case uint64:
		v, err = strconv.ParseUint(text, 10, 64)
	case float64:
		if v = math.NaN(); !f.Auto || text != "auto" {
			v, err = number(text)
		}
	case *float64:
		if text == "" {
			v = (*float64)(nil)
			break
		}
		var x float64
		x, err = number(text)
		v = &x
	case []float64:
		v, err = list(text, number)
	case []int:
		v, err = list(text, strconv.Atoi)
	}
	if err != nil {
		want := kinds[f.Type()]
		if f.Auto {
			want += " or auto"
		}
		return fmt.Errorf("want %s, got %q", want, text)
	}
	f.value.Set(reflect.ValueOf(v))
	return nil
}

// number parses a finite number.
func number(text string) (x float64, err error) {
	if x, err = strconv.ParseFloat(text, 64); err == nil && (math.IsNaN(x) || math.IsInf(x, 0)) {
		err = strconv.ErrRange
	}
	return x, err
}

func join[T any](values []T) string {
	text := make([]string, len(values))
	for i, v := range values {
		text[i] = fmt.Sprint(v)
	}
	return strings.Join(text, ",")
}

// list parses values separated by commas or spaces. An empty text has none.
func list[T any](text string, parse func(string) (T, error)) (values []T, err error) {
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		v, err := parse(part)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}

// Values returns all options by name, as they would be typed.
func Values(config any) map[string]string {
	m := map[string]string{}
	for _, f := range Fields(config) {
		m[f.Name] = f.String()
	}
	return m
}
