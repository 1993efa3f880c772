package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Field is one option of a configuration.
type Field struct {
	Name, Short, Help string
	value             reflect.Value
}

// Fields lists the options of a configuration struct, given its pointer, in the
// order of their declaration.
func Fields(config any) []Field { return fields(reflect.ValueOf(config).Elem()) }

func fields(v reflect.Value) []Field {
	var list []Field
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Anonymous {
			list = append(list, fields(v.Field(i))...)
		} else if name := f.Tag.Get("flag"); name != "" {
			list = append(list, Field{Name: name, Short: f.Tag.Get("short"), Help: f.Tag.Get("help"), value: v.Field(i)})
		}
	}
	return list
}

// IsBool says whether the option is a switch.
func (f Field) IsBool() bool { return f.value.Kind() == reflect.Bool }

// Type names what the option takes.
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

// String is the value as it would be typed.
func (f Field) String() string {
	switch v := f.value.Interface().(type) {
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

// Set reads a value as it was typed.
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
		v, err = strconv.ParseFloat(text, 64)
	case *float64:
		if text == "" {
			v = (*float64)(nil)
			break
		}
		var x float64
		x, err = strconv.ParseFloat(text, 64)
		v = &x
	case []float64:
		v, err = list(text, func(s string) (float64, error) { return strconv.ParseFloat(s, 64) })
	case []int:
		v, err = list(text, strconv.Atoi)
	}
	if err != nil {
		return fmt.Errorf("want %s, got %q", map[string]string{"bool": "true or false", "int": "a whole number", "ints": "whole numbers separated by commas", "floats": "numbers separated by commas", "float": "a number"}[f.Type()], text)
	}
	f.value.Set(reflect.ValueOf(v))
	return nil
}

func join[T any](values []T) string {
	text := make([]string, len(values))
	for i, v := range values {
		text[i] = fmt.Sprint(v)
	}
	return strings.Join(text, ",")
}

// list parses the values between commas; of an empty text there are none.
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

// Values are all options as they would be typed.
func Values(config any) map[string]string {
	m := map[string]string{}
	for _, f := range Fields(config) {
		m[f.Name] = f.String()
	}
	return m
}
