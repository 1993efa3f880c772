package weights

import (
	"slices"
	"strings"
	"unicode"
)

// head finds a projection head beside or below the backbone. It returns our names →
// unwrapped names in the file, and the prefix of the latter.
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
		for _, name := range c.names.list {
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

// outside are words in the names of modules that come after a backbone, or serve its
// training alone.
var outside = []string{
	"fc", "linear", "classifier", "cls", "clf", "head", "heads", "proj", "projector", "projection",
	"projectors", "predictor", "prediction", "pred", "prototypes", "logits", "logit", "queue", "bank",
	"memory", "mlp", "loss", "criterion", "centers", "center", "out", "output", "neck", "decoder",
	"temperature", "scale", "probe", "metric", "g",
}

// inside are words in the names of modules that take part in a backbone's features.
var inside = []string{"attnpool", "attn", "attention", "pool", "stem", "se", "norm", "bn", "conv"}

// belongs reports whether a name under the prefix, other than those of the backbone, may
// take part in the backbone's features: it is in the stem or a stage, has a word of inside,
// or is a convolution or a norm. Heads and other encoders do not belong to it.
func (c candidate) belongs(name string, all []candidate) bool {
	for _, o := range all {
		nested := o.names == c.names && o.prefix != c.prefix && strings.HasPrefix(o.prefix, c.prefix)
		if module, _, _ := strings.Cut(strings.TrimPrefix(o.prefix, c.prefix), "."); nested &&
			strings.HasPrefix(name, c.prefix+module+".") {
			return false
		}
	}
	rest := strings.TrimPrefix(name, c.prefix)
	module, _, dotted := strings.Cut(rest, ".")
	words := words(module)
	has := func(list []string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(list, w) })
	}
	switch {
	case c.numbered && isNumber(module):
		return lastNumber(module) < c.lastStage() // what follows the stages is a head
	case has(outside):
		return false
	case isBackbone(rest) && c.dialect == "torchvision", dotted && has(inside):
		return true
	}
	if len(c.names.tensors[name].Shape) == 4 {
		return true
	}
	parent, _, _ := cutLast(name)
	return c.names.tensors[parent+".running_mean"] != nil
}

func (c candidate) lastStage() int {
	rest := strings.TrimPrefix(c.found["layer4.0.conv1.weight"], c.prefix)
	child, _, _ := strings.Cut(rest, ".")
	return lastNumber(child)
}

// cutLast cuts a name at its last dot.
func cutLast(name string) (before, after string, found bool) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return "", name, false
	}
	return name[:i], name[i+1:], true
}

// words cuts a name into its words, in lower case and without numbers at their ends:
// "encoder_q" is encoder, q, and "projectionHead2" is projection, head.
func words(name string) []string {
	var all []string
	start := 0
	cut := func(end int) {
		if w := strings.ToLower(strings.TrimRight(name[start:end], "0123456789")); w != "" {
			all = append(all, w)
		}
	}
	lower := false
	for i, r := range name {
		separator := !unicode.IsLetter(r) && !unicode.IsDigit(r)
		if separator || (lower && unicode.IsUpper(r)) {
			cut(i)
			if start = i; separator {
				start += len(string(r))
			}
		}
		lower = unicode.IsLower(r)
	}
	cut(len(name))
	return all
}
