package weights

import (
	"fmt"
	"strconv"
	"strings"

	"contralens/nn"
	"contralens/nn/backbone"
)

// recorded is a network other than a ResNet, taken from the record in one of our files.
type recorded struct {
	config nn.Config
	names  []string // of the tensors of one encoder, without prefix
}

// recorded returns the network in the record of the file. It returns nil if there is no
// record, or if the network is a ResNet, which names and shapes identify.
func (f *File) recorded() (*recorded, error) {
	name := f.Options["arch"]
	if _, known := backbone.FindResNet(name); known || name == "" {
		return nil, nil
	}
	r := &recorded{config: nn.Config{
		Arch: name, Stem: f.Options["stem"], Head: f.Options["head"], Modal: f.Options["modal"],
	}}
	if width, err := strconv.ParseFloat(f.Options["width"], 64); err == nil {
		r.config.Width = width
	}
	if dim, err := strconv.Atoi(f.Options["feat_dim"]); err == nil {
		r.config.FeatDim = dim
	}
	shapes, err := nn.Shapes(r.config)
	if err != nil {
		return nil, fmt.Errorf("checkpoint %s: its record: %w", f.Path, err)
	}
	for _, s := range shapes {
		for _, encoder := range []string{"encoder.", "encoder1."} {
			if rest, ok := strings.CutPrefix(s.Name, encoder); ok {
				r.names = append(r.names, rest)
			}
		}
	}
	return r, nil
}

// candidates returns the prefixes of a dictionary under which all names exist.
func (r *recorded) candidates(n *names) []candidate {
	var found []candidate
	for _, name := range n.list {
		prefix, ok := strings.CutSuffix(name, r.names[0])
		if !ok || (prefix != "" && !strings.HasSuffix(prefix, ".")) {
			continue
		}
		c := candidate{names: n, prefix: prefix, dialect: "contralens", found: map[string]string{}}
		for _, name := range r.names {
			if n.tensors[prefix+name] != nil {
				c.found[name] = prefix + name
			}
		}
		if len(c.found) == len(r.names) {
			found = append(found, c)
		}
	}
	return found
}
