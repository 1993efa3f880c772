package weights

import (
	"slices"
	"strings"

	"contralens/checkpoint"
)

// names are the tensors of a dictionary, by names without the wrappers around modules.
type names struct {
	group    Group
	list     []string // in the order of the file
	original map[string]string
	tensors  map[string]*checkpoint.Tensor
}

// wrappers are modules that others put around a module, anywhere in a network:
// DataParallel, torch.compile, FSDP, activation checkpointing and Lightning's Fabric.
var wrappers = []string{
	"module", "_orig_mod", "_fsdp_wrapped_module", "_fpw_module", "_checkpoint_wrapped_module", "_forward_module",
}

// unwrap removes the wrappers from a name.
func unwrap(name string) string {
	parts := strings.Split(name, ".")
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return slices.Contains(wrappers, p) }), ".")
}

// namesOf returns the names of a group, those of a C4 detector as in a plain backbone. If
// two of them differ in wrappers alone, all keep their wrappers.
func namesOf(g Group) *names {
	joined := func(name string) string { return joinC4(unwrap(name)) }
	for _, short := range []func(string) string{joined, unwrap, func(name string) string { return name }} {
		n := &names{group: g, original: map[string]string{}, tensors: map[string]*checkpoint.Tensor{}}
		for _, i := range g.Tensors {
			name := short(i.Key.(string))
			if n.tensors[name] != nil {
				break
			}
			n.list = append(n.list, name)
			n.original[name], n.tensors[name] = i.Key.(string), i.Value.(*checkpoint.Tensor)
		}
		if len(n.list) == len(g.Tensors) {
			return n
		}
	}
	return &names{group: g} // a name is twice in the dictionary, such as text and bytes
}

// dialect is a scheme for the names of a backbone's layers.
type dialect struct {
	name string
	ours func(name string) string // converts a name to ours, or to "" if there is none
}

// dialects are the schemes that names alone identify. structures finds others.
var dialects = []dialect{
	{"torchvision", func(name string) string { return name }},
	{"Detectron2", fromDetectron2},
}

// parts are the children of a backbone under our names.
var parts = []string{"conv1", "bn1", "layer1", "layer2", "layer3", "layer4"}

// isBackbone reports whether one of our names, without prefix, belongs to a backbone.
func isBackbone(name string) bool {
	part, _, dotted := strings.Cut(name, ".")
	return dotted && slices.Contains(parts, part)
}

// shortcuts are other programs' names of a block's downsample.
var shortcuts = []string{"shortcut", "skip", "identity_downsample"}

// blockName returns our name of a tensor whose block has other names for its layers: a
// shortcut, or norm1 to norm3. It leaves all other names as they are.
func blockName(name string) string {
	p := strings.Split(name, ".")
	if len(p) < 4 || !strings.HasPrefix(p[0], "layer") {
		return name
	}
	if slices.Contains(shortcuts, p[2]) {
		p[2] = "downsample"
	}
	if len(p) == 5 && p[2] == "downsample" {
		switch p[3] {
		case "conv":
			p[3] = "0"
		case "bn", "norm":
			p[3] = "1"
		}
	}
	if n, ok := strings.CutPrefix(p[2], "norm"); ok && len(p) == 4 && len(n) == 1 {
		p[2] = "bn" + n
	}
	return strings.Join(p, ".")
}
