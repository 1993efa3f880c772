package weights

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// structures finds backbones by their structure, whatever the names of stem and stages:
// four lists of residual blocks side by side, and a convolution of an image and a norm
// beside them. Blocks are modules with conv1 and a number as name.
func (n *names) structures() []candidate {
	var found []candidate
	for _, stages := range n.stages() {
		c := candidate{names: n, dialect: "its own, matched by structure"}
		parent, ok := n.stem(stages, &c)
		if !ok {
			continue
		}
		c.prefix = parent
		children := map[string]string{} // a child's name → ours
		for i, s := range stages {
			children[strings.TrimPrefix(s, parent)] = parts[2+i]
		}
		c.numbered = !slices.ContainsFunc(stages, func(s string) bool { return !isNumber(strings.TrimPrefix(s, parent)) })
		if c.numbered {
			c.dialect = "nn.Sequential"
		}
		stem := c.found
		c.fill(func(rest string) string {
			if ours := stem[parent+rest]; ours != "" {
				return ours
			}
			for child, ours := range children {
				if tail, ok := strings.CutPrefix(rest, child+"."); ok {
					return ours + "." + tail
				}
			}
			return ""
		})
		found = append(found, c)
	}
	return found
}

// stages returns the paths of stages, four at a time, in the order of the network.
func (n *names) stages() [][]string {
	var paths []string
	for _, name := range n.list {
		p := strings.Split(name, ".")
		if i := len(p) - 3; i >= 1 && p[i+1] == "conv1" && p[i+2] == "weight" && isNumber(p[i]) {
			if path := strings.Join(p[:i], "."); !slices.Contains(paths, path) {
				paths = append(paths, path)
			}
		}
	}
	// Stages differ in one component, the last one or the one before it.
	var found [][]string
	for back := 1; back <= 2; back++ {
		groups, order := map[string][]string{}, []string{}
		for _, path := range paths {
			p := strings.Split(path, ".")
			if len(p) < back {
				continue
			}
			p[len(p)-back] = "*"
			key := strings.Join(p, ".")
			if groups[key] == nil {
				order = append(order, key)
			}
			groups[key] = append(groups[key], path)
		}
		for _, key := range order {
			stages := groups[key]
			if len(stages) != 4 {
				continue
			}
			slices.SortStableFunc(stages, func(a, b string) int { return cmp.Compare(lastNumber(a), lastNumber(b)) })
			if n.widen(stages) {
				found = append(found, stages)
			}
		}
	}
	return found
}

// widen reports whether each stage has more channels than the one before it.
func (n *names) widen(stages []string) bool {
	before := 0
	for _, s := range stages {
		i := slices.IndexFunc(n.list, func(name string) bool {
			rest, ok := strings.CutPrefix(name, s+".")
			return ok && strings.HasSuffix(rest, ".conv1.weight") && strings.Count(rest, ".") == 2
		})
		shape := n.tensors[n.list[i]].Shape
		if len(shape) != 4 || shape[0] <= before {
			return false
		}
		before = shape[0]
	}
	return true
}

// stem finds the convolution and the norm before the stages, beside them or one level
// further out, and maps their names to ours. It returns the prefix of both and the stages.
func (n *names) stem(stages []string, c *candidate) (prefix string, ok bool) {
	inside := func(name string) bool {
		return slices.ContainsFunc(stages, func(s string) bool { return strings.HasPrefix(name, s+".") })
	}
	prefix = commonModule(stages)
	for range 2 {
		var convs, norms []string
		for _, name := range n.list {
			module, isWeight := strings.CutSuffix(name, ".weight")
			if !isWeight || !strings.HasPrefix(name, prefix) || inside(name) {
				continue
			}
			switch shape := n.tensors[name].Shape; {
			case len(shape) == 4 && shape[1] <= 4:
				convs = append(convs, module)
			case len(shape) == 1:
				norms = append(norms, module)
			}
		}
		norms = slices.DeleteFunc(norms, func(norm string) bool {
			return len(convs) != 1 || n.tensors[norm+".weight"].Shape[0] != n.tensors[convs[0]+".weight"].Shape[0]
		})
		if len(convs) == 1 && len(norms) > 0 {
			conv, norm := convs[0], norms[0]
			c.found = map[string]string{}
			for _, name := range n.list {
				for module, ours := range map[string]string{conv: "conv1.", norm: "bn1."} {
					if rest, ok := strings.CutPrefix(name, module+"."); ok {
						c.found[name] = ours + rest
					}
				}
			}
			return prefix, true
		}
		if prefix == "" || len(convs) > 0 {
			break
		}
		prefix = prefix[:strings.LastIndexByte(strings.TrimSuffix(prefix, "."), '.')+1]
	}
	return "", false
}

// commonModule returns the prefix of the innermost module that has all paths.
func commonModule(paths []string) string {
	prefix := paths[0]
	for _, p := range paths[1:] {
		for !strings.HasPrefix(p, prefix) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	return prefix[:strings.LastIndexByte(prefix, '.')+1]
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 31)
	return err == nil
}

// lastNumber returns the last number in a path, such as 3 for "trunk.layer3.blocks".
func lastNumber(path string) int {
	end := strings.LastIndexAny(path, "0123456789") + 1
	start := end
	for start > 0 && path[start-1] >= '0' && path[start-1] <= '9' {
		start--
	}
	n, _ := strconv.Atoi(path[start:end])
	return n
}
