package foreign

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"gopkg.in/yaml.v3"
)

// optionFiles are the names under which programs keep their options: those of Lightning,
// of timm, and a common one.
var optionFiles = []string{"hparams.yaml", "args.yaml", "config.yaml"}

const maxOptions = 1 << 20 // bytes of such a file

// Options reads the options that another program keeps beside its metrics, with the name
// of the file. Keys of inner mappings are joined by ".". Both are empty if there is no
// such file.
func Options(folder fs.FS) (options map[string]string, name string, err error) {
	for _, name := range optionFiles {
		f, info, err := open(folder, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, name, err
		}
		defer f.Close()
		if info.Size() > maxOptions {
			return nil, name, fmt.Errorf("%s: want at most %d bytes, got %d", name, maxOptions, info.Size())
		}
		b, err := io.ReadAll(io.LimitReader(f, maxOptions))
		if err != nil {
			return nil, name, fmt.Errorf("%s: %w", name, err)
		}
		var root yaml.Node
		if err := yaml.Unmarshal(b, &root); err != nil {
			return nil, name, fmt.Errorf("%s: want YAML: %w", name, err)
		}
		options = map[string]string{}
		if len(root.Content) == 1 {
			flatten(root.Content[0], "", 0, options)
		}
		return options, name, nil
	}
	return nil, "", nil
}

// flatten collects the scalars of a node, lists as YAML writes them. It follows no
// aliases and makes nothing of Python's tags.
func flatten(n *yaml.Node, key string, level int, into map[string]string) {
	switch {
	case n.Kind == yaml.MappingNode && level <= 2*depth:
		for i := 0; i+1 < len(n.Content); i += 2 {
			inner := n.Content[i].Value
			if key != "" {
				inner = key + "." + inner
			}
			flatten(n.Content[i+1], inner, level+1, into)
		}
	case n.Kind == yaml.ScalarNode && key != "":
		into[key] = n.Value
	case n.Kind == yaml.SequenceNode && key != "":
		text := ""
		for i, c := range n.Content {
			if i > 0 {
				text += ", "
			}
			if c.Kind != yaml.ScalarNode {
				text += "…"
				continue
			}
			text += c.Value
		}
		into[key] = text
	}
}
