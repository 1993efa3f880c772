package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"contralens/recipes"
)

// YAML returns the configuration as a file that ReadYAML reads, in the order of the
// options. It leaves out options that are accepted but not read.
func YAML(config any) string {
	var b strings.Builder
	for _, f := range Fields(config) {
		if f.Ignored {
			continue
		}
		text := f.String()
		if f.Type() == "string" || f.Type() == "ints" || f.Type() == "floats" {
			text = strconv.Quote(text)
		}
		fmt.Fprintf(&b, "%s: %s\n", f.Name, text)
	}
	return b.String()
}

// ReadYAML sets the options that a file or recipe names and returns their names.
func ReadYAML(file string, config any) (set []string, err error) {
	known := recipes.Names()
	if _, detector := config.(*DetectTrain); detector {
		known = recipes.Detectors()
	}
	values, err := readValues(file, known)
	if err != nil {
		return nil, err
	}
	all, typed := Fields(config), map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		f := Find(all, name)
		if f == nil {
			return nil, fmt.Errorf("--config %s: there is no option %q%s", file, name, hint(name, all))
		}
		if err := f.Set(values[name]); err != nil {
			return nil, fmt.Errorf("--config %s: %s: %w", file, name, err)
		}
		if other, twice := typed[f.Name]; twice {
			return nil, fmt.Errorf("--config %s: %s and %s are the same option: remove one", file, other, name)
		}
		typed[f.Name] = name
		set = append(set, f.Name)
	}
	return set, nil
}

// hint returns "; …" with what the user may have meant by an option that is not in all, or
// "".
func hint(name string, all []Field) string {
	if commands := Having(name); len(commands) > 0 {
		return fmt.Sprintf("; contralens %s", Owners(commands))
	}
	names := make([]string, len(all))
	for i, f := range all {
		names[i] = f.Name
	}
	if near := Nearest(name, names); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// ReadValues reads a YAML file, or the recipe of that name. It returns the values of options
// as they would be typed.
func ReadValues(file string) (map[string]string, error) { return readValues(file, recipes.Names()) }

// readValues is ReadValues. An error names the recipes that are known to a command.
func readValues(file string, known []string) (map[string]string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		recipe, ok := recipes.Get(file)
		if !ok {
			return nil, noFile(file, err, known)
		}
		b = recipe
	}
	var doc any
	if err := DecodeYAML(b, &doc); err != nil {
		reason := strings.NewReplacer("\n", " ", "unmarshal errors:", "").Replace(strings.TrimPrefix(err.Error(), "yaml: "))
		reason = strings.Join(strings.Fields(reason), " ")
		return nil, fmt.Errorf("--config %s: want YAML, one option per line, as \"epochs: 100\", but %s", file, reason)
	}
	if doc == nil {
		return nil, nil
	}
	options, ok := doc.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("--config %s: want YAML, one option per line, as \"epochs: 100\", got a list or plain text",
			file)
	}
	values := map[string]string{}
	for name, value := range options {
		switch v := value.(type) {
		case nil:
			values[name] = ""
		case []any:
			values[name] = strings.ReplaceAll(strings.Trim(fmt.Sprint(v), "[]"), " ", ",")
		case map[string]any:
			return nil, fmt.Errorf("--config %s: %s: want one value, got several options below it", file, name)
		default:
			values[name] = fmt.Sprint(v)
		}
	}
	return values, nil
}

// DecodeYAML decodes the one document of a YAML file. A file without any leaves to as it is.
func DecodeYAML(b []byte, to any) error {
	d := yaml.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(to); err != nil {
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	}
	var more yaml.Node
	if err := d.Decode(&more); err == nil {
		return fmt.Errorf("line %d begins a second document, and only one is read", more.Line)
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

func canonical(name string) string { return strings.ReplaceAll(name, "-", "_") }

// noFile explains that --config names no file that can be read, and no recipe.
func noFile(file string, err error, known []string) error {
	if !errors.Is(err, fs.ErrNotExist) {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return fmt.Errorf("--config %s: want a YAML file that can be read, but %w", file, err)
	}
	if near := Nearest(file, slices.Concat(recipes.Names(), recipes.Detectors())); near != "" {
		return fmt.Errorf("--config %s: there is no file and no recipe of that name; did you mean %s?", file, near)
	}
	return fmt.Errorf("--config %s: want a YAML file or one of the recipes %s; there is no such file or recipe",
		file, strings.Join(known, ", "))
}
