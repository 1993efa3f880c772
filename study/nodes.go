package study

import (
	"fmt"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"contralens/config"
)

// parser makes a Study from YAML nodes.
type parser struct{ Study }

func (p *parser) fail(n *yaml.Node, format string, args ...any) error {
	return p.at(n.Line, fmt.Errorf(format, args...))
}

// entry is a key of a mapping with its value.
type entry struct {
	key   string
	at    *yaml.Node // the key
	value *yaml.Node
}

// mapping returns the entries of a mapping in their order. An empty value is an empty mapping.
func (p *parser) mapping(n *yaml.Node, what string) (all []entry, err error) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return nil, nil
	}
	if n.Kind != yaml.MappingNode {
		return nil, p.fail(n, "%s: want names with values, such as epochs: 20, got %s", what, kind(n))
	}
	seen := map[string]bool{}
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case key.Tag == "!!merge":
			return nil, p.fail(key, "%s: want names with values, got the merge key <<: write its options out", what)
		case key.Kind != yaml.ScalarNode || key.Value == "":
			return nil, p.fail(key, "%s: want a name, got %s", what, kind(key))
		}
		if seen[key.Value] {
			return nil, p.fail(key, "%s: %q is there twice", what, key.Value)
		}
		seen[key.Value] = true
		all = append(all, entry{key.Value, key, resolveAlias(n.Content[i+1])})
	}
	return all, nil
}

// resolveAlias returns the node that an alias stands for, and any other node as it is.
func resolveAlias(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func kind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "names with values"
	}
	const most = 60
	if text := []rune(n.Value); len(text) > most {
		return fmt.Sprintf("%q and %d more characters", string(text[:most]), len(text)-most)
	}
	return fmt.Sprintf("%q", n.Value)
}

// only refuses keys that are not among known.
func (p *parser) only(all []entry, what string, known ...string) error {
	for _, e := range all {
		ok := false
		for _, k := range known {
			ok = ok || e.key == k
		}
		if ok {
			continue
		}
		hint := "want " + strings.Join(known, ", ")
		if near := config.Nearest(e.key, known); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return p.fail(e.at, "%s has no key %q; %s", what, e.key, hint)
	}
	return nil
}

// values returns a list of values as typed; a single value is a list of one.
func (p *parser) values(e entry) (all []string, err error) {
	nodes := []*yaml.Node{e.value}
	if e.value.Kind == yaml.SequenceNode {
		nodes = e.value.Content
	}
	for _, n := range nodes {
		v, err := p.value(entry{e.key, e.at, resolveAlias(n)})
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// value returns a value as typed; a list is joined by commas.
func (p *parser) value(e entry) (string, error) {
	n := e.value
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		return "", nil
	case n.Kind == yaml.ScalarNode:
		return n.Value, nil
	case n.Kind == yaml.SequenceNode:
		var parts []string
		for _, item := range n.Content {
			item = resolveAlias(item)
			if item.Kind != yaml.ScalarNode {
				return "", p.fail(item, "%s: want a value, got %s", e.key, kind(item))
			}
			parts = append(parts, item.Value)
		}
		return strings.Join(parts, ","), nil
	}
	return "", p.fail(n, "%s: want a value, got %s", e.key, kind(n))
}

// truth returns a value that is true or false.
func (p *parser) truth(e entry) (bool, error) {
	text, err := p.value(e)
	if err != nil {
		return false, err
	}
	is, err := strconv.ParseBool(text)
	if err != nil {
		return false, p.fail(e.value, "%s: want true or false, got %q", e.key, text)
	}
	return is, nil
}

// numbers returns whole numbers of at least least.
func (p *parser) numbers(e entry, least uint64) (all []uint64, err error) {
	texts, err := p.values(e)
	if err != nil {
		return nil, err
	}
	for _, text := range texts {
		n, err := strconv.ParseUint(text, 10, 63)
		if err != nil || n < least {
			return nil, p.fail(e.value, "%s: want whole numbers from %d to 2⁶³ - 1, got %q", e.key, least, text)
		}
		all = append(all, n)
	}
	if len(all) == 0 {
		return nil, p.fail(e.value, "%s: want at least one number, got an empty list", e.key)
	}
	return all, nil
}

// seeds returns a list of seeds. A single number n stands for n seeds from first on.
func (p *parser) seeds(e entry, first uint64) ([]uint64, error) {
	all, err := p.numbers(e, 0)
	if err != nil {
		return nil, err
	}
	if e.value.Kind == yaml.ScalarNode {
		if all[0] == 0 || all[0] > mostSeeds {
			return nil, p.fail(e.value, "%s: want 1 to %d, or a list of seeds, got %d", e.key, mostSeeds, all[0])
		}
		n := all[0]
		all = nil
		for i := range n {
			all = append(all, first+i)
		}
	}
	seen := map[uint64]bool{}
	for _, s := range all {
		if seen[s] {
			return nil, p.fail(e.value, "%s: seed %d is there twice: the same training would count as two", e.key, s)
		}
		seen[s] = true
	}
	return all, nil
}

// mostSeeds is the largest number of seeds.
const mostSeeds = 1000

func (p *parser) options(e entry) (all []Option, err error) {
	entries, err := p.mapping(e.value, e.key)
	if err != nil {
		return nil, err
	}
	for _, o := range entries {
		v, err := p.value(o)
		if err != nil {
			return nil, err
		}
		all = append(all, Option{o.key, v, o.at.Line})
	}
	return all, nil
}

func (p *parser) axes(e entry) (all []Axis, err error) {
	entries, err := p.mapping(e.value, e.key)
	if err != nil {
		return nil, err
	}
	for _, o := range entries {
		v, err := p.values(o)
		if err != nil {
			return nil, err
		}
		if len(v) == 0 {
			return nil, p.fail(o.value, "%s: want values to try, got an empty list", o.key)
		}
		all = append(all, Axis{o.key, v, o.at.Line})
	}
	return all, nil
}
