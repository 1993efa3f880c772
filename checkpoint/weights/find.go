package weights

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"contralens/checkpoint"
	"contralens/nn"
)

// Encoder is the encoder in a file, under the names of our networks.
type Encoder struct {
	File    string
	Group   string                        // path of its dictionary in the file
	Prefix  string                        // of the backbone's names in that dictionary
	Dialect string                        // the naming scheme, such as "torchvision"
	Tensors map[string]*checkpoint.Tensor // by our names
	Sources map[string]string             // our names → names in the file
	// Unplaced are names of the backbone that our networks don't have, such as those of
	// squeeze-and-excitation. An encoder with such names is not loaded.
	Unplaced []string
	// Left are names beside the backbone that our networks don't have, such as a
	// classifier's.
	Left   []string
	Others []string // prefixes of other encoders in the file

	recorded *nn.Config // the network, if the record in the file has it
}

// candidate is a prefix under which a backbone was found.
type candidate struct {
	names    *names
	prefix   string // of the unwrapped names
	dialect  string
	found    map[string]string // our names → unwrapped names
	unplaced []string          // unwrapped names within the backbone without one of ours
	numbered bool              // the children of the backbone have numbers as names
}

// where describes the place of a candidate, such as "state_dict: module.encoder_q.*".
func (c candidate) where() string {
	return strings.Trim(c.names.group.Path+": "+c.original()+"*", ": ")
}

// original returns the prefix as it is in the file, with wrappers.
func (c candidate) original() string {
	first := c.found["conv1.weight"]
	if first == "" {
		for _, name := range c.found {
			if first == "" || name < first {
				first = name
			}
		}
	}
	original := c.names.original[first]
	if prefix, ok := strings.CutSuffix(original, strings.TrimPrefix(first, c.prefix)); ok {
		return prefix
	}
	return c.prefix
}

// candidates returns the prefixes of a dictionary under which there is a backbone.
func (n *names) candidates() []candidate {
	var found []candidate
	seen := map[string]bool{}
	for _, name := range n.list {
		for at := 0; ; {
			for _, d := range dialects {
				ours := d.ours(name[at:])
				if (ours != "conv1.weight" && ours != "conv1.0.weight") || seen[name[:at]] {
					continue
				}
				c := candidate{names: n, prefix: name[:at], dialect: d.name}
				if c.fill(d.ours); c.found["layer1.0.conv1.weight"] != "" {
					seen[name[:at]] = true
					found = append(found, c)
				}
			}
			dot := strings.IndexByte(name[at:], '.')
			if dot < 0 {
				break
			}
			at += dot + 1
		}
	}
	for _, c := range n.structures() {
		if !seen[c.prefix] {
			seen[c.prefix] = true
			found = append(found, c)
		}
	}
	return found
}

// fill finds the names under the prefix that are those of a backbone.
func (c *candidate) fill(ours func(string) string) {
	c.found = map[string]string{}
	for _, name := range c.names.list {
		rest, ok := strings.CutPrefix(name, c.prefix)
		if !ok {
			continue
		}
		our := ours(rest)
		if !isBackbone(our) {
			continue
		}
		if our = blockName(our); c.found[our] != "" {
			c.unplaced = append(c.unplaced, name)
			continue
		}
		c.found[our] = name
	}
}

// equal reports whether two candidates have the same tensors, as when a file names a
// network twice.
func (c candidate) equal(o candidate) bool {
	if len(c.found) != len(o.found) || len(c.unplaced) != len(o.unplaced) {
		return false
	}
	for ours, name := range c.found {
		a, b := c.names.tensors[name], o.names.tensors[o.found[ours]]
		if b == nil || a.Dtype != b.Dtype || !slices.Equal(a.Shape, b.Shape) || !bytes.Equal(a.Data, b.Data) {
			return false
		}
	}
	return true
}

// encoder collects the tensors of a candidate and its head. If encoder1 and encoder2 are
// side by side, and see luminance and chrominance, they are the two encoders of CMC.
func (c candidate) encoder(path string, all []candidate) *Encoder {
	e := &Encoder{
		File: path, Group: c.names.group.Path, Prefix: c.original(), Dialect: c.dialect,
		Tensors: map[string]*checkpoint.Tensor{}, Sources: map[string]string{},
	}
	if pair := c.pair(all); pair != nil {
		parent := strings.TrimSuffix(e.Prefix, "encoder1.")
		e.Prefix = parent + "encoder{1,2}."
		e.take(c, "encoder1.", "head1", all)
		e.take(*pair, "encoder2.", "head2", all)
	} else {
		e.take(c, "encoder.", "head", all)
	}
	for _, o := range all {
		elsewhere := o.prefix != c.prefix && !strings.HasPrefix(o.original(), strings.Split(e.Prefix, "{")[0])
		if elsewhere || o.names != c.names {
			e.Others = append(e.Others, o.where())
		}
	}
	return e
}

// pair returns the encoder of chrominance if c is that of luminance.
func (c candidate) pair(all []candidate) *candidate {
	parent, isFirst := strings.CutSuffix(c.prefix, "encoder1.")
	if !isFirst {
		return nil
	}
	channels := func(c candidate) int {
		for _, name := range []string{"conv1.weight", "conv1.0.weight"} {
			if t := c.names.tensors[c.found[name]]; t != nil && len(t.Shape) == 4 {
				return t.Shape[1]
			}
		}
		return 0
	}
	for i, o := range all {
		if o.names == c.names && o.prefix == parent+"encoder2." && channels(c) == 1 && channels(o) == 2 {
			return &all[i]
		}
	}
	return nil
}

// take adds the backbone of a candidate, under the prefix to, and its projection head.
func (e *Encoder) take(c candidate, to, head string, all []candidate) {
	used := map[string]bool{}
	add := func(ours, name string) {
		e.Tensors[ours], e.Sources[ours] = c.names.tensors[name], c.names.original[name]
		used[name] = true
	}
	for ours, name := range c.found {
		add(to+ours, name)
	}
	heads, first := c.head(head)
	for ours, name := range heads {
		add(ours, name)
	}
	for _, name := range c.unplaced {
		used[name] = true
		e.Unplaced = append(e.Unplaced, c.names.original[name])
	}
	for _, name := range c.names.group.Foreign {
		if c.among(unwrap(name)) {
			e.Unplaced = append(e.Unplaced, name)
		}
	}
	for _, name := range c.names.list {
		switch {
		case used[name]:
		case strings.HasPrefix(name, c.prefix) && c.belongs(name, all):
			e.Unplaced = append(e.Unplaced, c.names.original[name])
		case strings.HasPrefix(name, c.prefix), first != "" && strings.HasPrefix(name, first):
			e.Left = append(e.Left, c.names.original[name])
		}
	}
}

// among reports whether a name is in a module of the backbone, such as its first stage.
func (c candidate) among(name string) bool {
	rest, under := strings.CutPrefix(name, c.prefix)
	module, _, dotted := strings.Cut(rest, ".")
	if !under || !dotted {
		return false
	}
	for _, found := range c.found {
		if strings.HasPrefix(found, c.prefix+module+".") {
			return true
		}
	}
	return false
}

// few lists the first few of many names.
func few(names []string) string {
	if len(names) == 0 {
		return "no tensors at all"
	}
	more := ""
	if len(names) > 4 {
		names, more = names[:4], fmt.Sprintf(" and %d more", len(names)-4)
	}
	return strings.Join(names, ", ") + more
}
