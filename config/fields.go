package config

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
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
	}
	return "float"
}

// String is the value as it would be typed.
func (f Field) String() string {
	switch v := f.value.Interface().(type) {
	case []int:
		text := make([]string, len(v))
		for i, n := range v {
			text[i] = strconv.Itoa(n)
		}
		return strings.Join(text, ",")
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
	case []int:
		list := []int{}
		for _, part := range strings.Split(text, ",") {
			n, e := strconv.Atoi(strings.TrimSpace(part))
			if e != nil {
				err = e
			}
			list = append(list, n)
		}
		v = list
	}
	if err != nil {
		return fmt.Errorf("want %s, got %q", map[string]string{"bool": "true or false", "int": "a whole number", "ints": "whole numbers separated by commas", "float": "a number"}[f.Type()], text)
	}
	f.value.Set(reflect.ValueOf(v))
	return nil
}

// Values are all options as they would be typed.
func Values(config any) map[string]string {
	m := map[string]string{}
	for _, f := range Fields(config) {
		m[f.Name] = f.String()
	}
	return m
}

// YAML is the configuration as a file that ReadYAML takes, in the order of the
// options.
func YAML(config any) string {
	var b strings.Builder
	for _, f := range Fields(config) {
		text := f.String()
		if f.Type() == "string" || f.Type() == "ints" {
			text = strconv.Quote(text)
		}
		fmt.Fprintf(&b, "%s: %s\n", f.Name, text)
	}
	return b.String()
}

// ReadYAML sets the options that a file names, and returns their names.
func ReadYAML(path string, config any) (set []string, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	var doc map[string]any
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return nil, fmt.Errorf("--config %s: want YAML, one option a line as \"epochs: 100\": %w", path, err)
	}
	all := Fields(config)
	for name, value := range doc {
		i := slices.IndexFunc(all, func(f Field) bool { return canonical(f.Name) == canonical(name) })
		if i < 0 {
			return nil, fmt.Errorf("--config %s: there is no option %q; did you mean %q?", path, name, nearest(name, all))
		}
		text := fmt.Sprint(value)
		if list, ok := value.([]any); ok {
			text = strings.ReplaceAll(strings.Trim(fmt.Sprint(list), "[]"), " ", ",")
		}
		if value == nil {
			text = ""
		}
		if err := all[i].Set(text); err != nil {
			return nil, fmt.Errorf("--config %s: %s: %w", path, name, err)
		}
		set = append(set, all[i].Name)
	}
	return set, nil
}

func canonical(name string) string { return strings.ReplaceAll(name, "-", "_") }

// nearest is the option whose name shares the most letter pairs with name.
func nearest(name string, all []Field) string {
	best, most := "", -1.0
	for _, f := range all {
		pairs := 0.0
		for i := 0; i+1 < len(name); i++ {
			if strings.Contains(f.Name, name[i:i+2]) {
				pairs++
			}
		}
		if score := pairs / float64(len(name)+len(f.Name)); score > most {
			best, most = f.Name, score
		}
	}
	return best
}
