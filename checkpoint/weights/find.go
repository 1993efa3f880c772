package weights

import (
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
	// Left are names of the encoder that our networks don't have, such as a classifier's.
	Left   []string
	Others []string // prefixes of other encoders in the file

	recorded *nn.Config // the network, if the record in the file has it
}

// dialect is a scheme for the names of a backbone's layers.
type dialect struct {
	name string
	ours func(name string) string // converts a name to ours, or to "" if there is none
}

var dialects = []dialect{
	{"torchvision", func(name string) string { return name }},
	{"nn.Sequential", sequential},
	{"Detectron2", fromDetectron2},
}

// sequential converts names in which torchvision's children are numbered, as in lightly's
// nn.Sequential(*list(resnet.children())[:-1]).
func sequential(name string) string {
	child, rest, _ := strings.Cut(name, ".")
	ours := map[string]string{"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}[child]
	if ours == "" {
		return ""
	}
	return ours + "." + rest
}

// isBackbone reports whether one of our names, without prefix, belongs to a backbone.
func isBackbone(name string) bool {
	part, _, dotted := strings.Cut(name, ".")
	return dotted && slices.Contains([]string{"conv1", "bn1", "layer1", "layer2", "layer3", "layer4"}, part)
}

// candidate is a prefix under which a backbone was found.
type candidate struct {
	group   Group
	prefix  string
	dialect dialect
	names   map[string]string // our names → names in the file, with prefix
}

// isKey reports whether the name suggests a key, momentum or teacher encoder.
func (c candidate) isKey() bool {
	name := strings.ToLower(c.group.Path + "." + c.prefix)
	for _, word := range []string{"encoder_k", "ema", "momentum", "teacher", "target", "_k."} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// Encoder finds the encoder in the file: the query encoder, or the key encoder (momentum
// encoder, teacher) if key is set. If there is none, the error lists names of the file.
func (f *File) Encoder(key bool) (*Encoder, error) {
	net, err := f.recorded()
	if err != nil {
		return nil, err
	}
	var found []candidate
	for _, g := range f.Groups() {
		if net != nil {
			found = append(found, net.candidates(g)...)
		} else {
			found = append(found, candidates(g)...)
		}
	}
	if len(found) == 0 && net != nil {
		return nil, fmt.Errorf("checkpoint %s: want the tensors of %s, the architecture in its record (%s, after any "+
			"prefix), but some are missing", f.Path, net.config.Arch, few(net.names))
	}
	if len(found) == 0 {
		var names []string
		for _, g := range f.Groups() {
			for _, i := range g.Tensors {
				names = append(names, strings.TrimPrefix(g.Path+"."+i.Key.(string), "."))
			}
		}
		return nil, fmt.Errorf("checkpoint %s: want the tensors of a ResNet (conv1.weight, layer1.0.conv1.weight …, "+
			"after any prefix), found none of them among %s", f.Path, few(names))
	}
	var best *candidate
	for i, c := range found {
		if c.isKey() == key && (best == nil || len(c.names) > len(best.names)) {
			best = &found[i]
		}
	}
	if best == nil && key {
		return nil, fmt.Errorf("checkpoint %s: want a key encoder (model_ema, encoder_k, teacher), found only %s",
			f.Path, found[0].where())
	}
	if best == nil {
		best = &found[0]
	}
	e := best.encoder(f.Path, found)
	if net != nil {
		e.recorded = &net.config
	}
	return e, nil
}

func (c candidate) where() string {
	return strings.Trim(c.group.Path+": "+c.prefix+"*", ": ")
}

// candidates returns the prefixes of a group under which there is a backbone.
func candidates(g Group) []candidate {
	var found []candidate
	seen := map[string]bool{}
	for _, i := range g.Tensors {
		name := i.Key.(string)
		for at := 0; ; {
			for _, d := range dialects {
				ours := d.ours(name[at:])
				if (ours != "conv1.weight" && ours != "conv1.0.weight") || seen[d.name+name[:at]] {
					continue
				}
				seen[d.name+name[:at]] = true
				if c := (candidate{group: g, prefix: name[:at], dialect: d}); c.fill() {
					found = append(found, c)
				}
			}
			n := strings.IndexByte(name[at:], '.')
			if n < 0 {
				break
			}
			at += n + 1
		}
	}
	return found
}

// fill finds the names under the prefix, and reports whether they include the first block
// of a ResNet.
func (c *candidate) fill() bool {
	c.names = map[string]string{}
	for _, i := range c.group.Tensors {
		name := i.Key.(string)
		if rest, ok := strings.CutPrefix(name, c.prefix); ok {
			if ours := c.dialect.ours(rest); isBackbone(ours) {
				c.names[ours] = name
			}
		}
	}
	return c.names["layer1.0.conv1.weight"] != ""
}

// encoder collects the tensors of a candidate and its head. If encoder1 and encoder2 are
// side by side, they are the two encoders of CMC.
func (c candidate) encoder(path string, all []candidate) *Encoder {
	e := &Encoder{
		File: path, Group: c.group.Path, Prefix: c.prefix, Dialect: c.dialect.name,
		Tensors: map[string]*checkpoint.Tensor{}, Sources: map[string]string{},
	}
	parent, isFirst := strings.CutSuffix(c.prefix, "encoder1.")
	pair := slices.IndexFunc(all, func(o candidate) bool {
		return o.group.Path == c.group.Path && o.prefix == parent+"encoder2."
	})
	if isFirst && pair >= 0 {
		e.Prefix = parent + "encoder{1,2}."
		for _, o := range []candidate{c, all[pair]} {
			number := strings.TrimSuffix(strings.TrimPrefix(o.prefix, parent+"encoder"), ".")
			e.take(o, "encoder"+number+".", "head"+number)
		}
	} else {
		e.take(c, "encoder.", "head")
	}
	for _, o := range all {
		elsewhere := o.prefix != c.prefix && !strings.HasPrefix(o.prefix, strings.Split(e.Prefix, "{")[0])
		if elsewhere || o.group.Path != c.group.Path {
			e.Others = append(e.Others, o.where())
		}
	}
	return e
}

// take adds the backbone of a candidate, under the prefix to, and its projection head.
func (e *Encoder) take(c candidate, to, head string) {
	used := map[string]bool{}
	add := func(ours, name string) {
		if t, ok := c.group.Tensors.Get(name).(*checkpoint.Tensor); ok {
			e.Tensors[ours], e.Sources[ours] = t, name
			used[name] = true
		}
	}
	for ours, name := range c.names {
		add(to+ours, name)
	}
	heads, first := c.head(head)
	for ours, name := range heads {
		add(ours, name)
	}
	for _, i := range c.group.Tensors {
		name := i.Key.(string)
		if !used[name] && (strings.HasPrefix(name, c.prefix) || (first != "" && strings.HasPrefix(name, first))) {
			e.Left = append(e.Left, name)
		}
	}
}

// head finds a projection head beside or below the backbone. It returns our names → names
// in the file, and the prefix of the latter.
func (c candidate) head(ours string) (names map[string]string, prefix string) {
	parent := c.prefix
	if i := strings.LastIndexByte(strings.TrimSuffix(parent, "."), '.'); i >= 0 {
		parent = parent[:i+1]
	} else {
		parent = ""
	}
	places := []string{
		parent + ours + ".", parent + "projector.", parent + "projection_head.layers.", parent + "projection_head.",
	}
	if strings.Contains(c.prefix, "momentum") {
		places = []string{
			parent + "momentum_projector.", parent + "projection_head_momentum.layers.", parent + "projection_head_momentum.",
		}
	}
	if strings.Contains(c.prefix, "encoder_q.") || strings.Contains(c.prefix, "encoder_k.") {
		// MoCo puts the head where torchvision has the classifier.
		places = append(places, c.prefix+"fc.")
	}
	for _, place := range places {
		names := map[string]string{}
		layers := map[string]bool{}
		for _, i := range c.group.Tensors {
			name := i.Key.(string)
			rest, ok := strings.CutPrefix(name, place)
			if !ok {
				continue
			}
			if rest == "weight" || rest == "bias" {
				rest = "0." + rest // MoCo v1's single layer
			}
			names[ours+"."+rest] = name
			layer, _, _ := strings.Cut(rest, ".")
			layers[layer] = true
		}
		if headOf(layers) != "" {
			return names, place
		}
	}
	return nil, ""
}

// headOf returns the projection head whose layers have the given numbers. Linear heads
// with and without normalization have the same ones.
func headOf(layers map[string]bool) string {
	var numbers []string
	for n := range layers {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	heads := map[string]string{"0": "linear", "0 2": "mlp", "0 1 3": "mlp_bn", "0 1 3 4 6": "2mlp_bn"}
	return heads[strings.Join(numbers, " ")]
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
