package weights

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"contralens/nn"
	"contralens/nn/backbone"
)

// Network infers the network from the names and shapes of the tensors, or from the record
// in the file if it is not a ResNet. A linear head is assumed to normalize, because shapes
// don't tell. Without a head in the file, Config.Head is empty. Call it within torch.Run.
func (e *Encoder) Network() (nn.Config, error) {
	if e.recorded != nil {
		return *e.recorded, nil
	}
	c := nn.Config{Modal: "RGB", Stem: "imagenet"}
	first := "encoder."
	if e.Tensors["encoder1.conv1.weight"] != nil {
		c.Modal, first = "CMC", "encoder1."
	}
	if t := e.Tensors[first+"conv1.weight"]; t != nil && len(t.Shape) == 4 && t.Shape[2] == 3 {
		c.Stem = "cifar"
	}
	e.guessHead(&c)
	blocks, bottleneck := e.blocks(first)
	nearest := nearest{}
	for _, suffix := range []string{"", "x2", "x4"} {
		for _, a := range backbone.ResNets {
			if a.Blocks != blocks || a.Bottleneck != bottleneck {
				continue
			}
			c.Arch, c.Width = a.Name+suffix, 1
			if ok, err := nearest.try(e, c); ok || err != nil {
				return c, err
			}
		}
	}
	for _, a := range backbone.ResNets {
		if a.Blocks != blocks || a.Bottleneck != bottleneck {
			continue
		}
		for _, width := range e.widths(c.Modal, first) {
			c.Arch, c.Width = a.Name, width
			if ok, err := nearest.try(e, c); ok || err != nil {
				return c, err
			}
		}
	}
	return c, fmt.Errorf("checkpoint %s: want a known architecture, got %s%s", e.File, e.describe(first), nearest)
}

// describe describes the blocks and the first convolution.
func (e *Encoder) describe(first string) string {
	blocks, bottleneck := e.blocks(first)
	kind := "basic"
	if bottleneck {
		kind = "bottleneck"
	}
	return fmt.Sprintf("%d+%d+%d+%d %s blocks with a first convolution of %v",
		blocks[0], blocks[1], blocks[2], blocks[3], kind, shapeOf(e, first+"conv1.weight"))
}

// nearest is the network among those tried that differs least.
type nearest struct {
	config     nn.Config
	difference difference
}

// try reports whether all names and shapes of the encoder's backbone are those of a
// network's.
func (n *nearest) try(e *Encoder, c nn.Config) (bool, error) {
	shapes, err := nn.Shapes(c)
	if err != nil {
		return false, err
	}
	shapes = slices.DeleteFunc(shapes, func(s nn.Shape) bool { return !strings.HasPrefix(s.Name, "encoder") })
	d := e.compare(shapes, false, false)
	if n.config.Arch == "" || d.count() < n.difference.count() {
		n.config, n.difference = c, d
	}
	return d.count() == 0, nil
}

func (n nearest) String() string {
	if n.config.Arch == "" {
		return ""
	}
	return fmt.Sprintf("; compared with %s of width %v, %s", n.config.Arch, n.config.Width, n.difference)
}

func shapeOf(e *Encoder, name string) []int {
	if t := e.Tensors[name]; t != nil {
		return t.Shape
	}
	return nil
}

// blocks counts the residual blocks of each stage: those of which there is any tensor.
func (e *Encoder) blocks(prefix string) (blocks [4]int, bottleneck bool) {
	present := map[string]bool{}
	for name := range e.Tensors {
		if rest, ok := strings.CutPrefix(name, prefix+"layer"); ok {
			if p := strings.SplitN(rest, ".", 4); len(p) == 4 {
				present[p[0]+"."+p[1]] = true
				bottleneck = bottleneck || p[2] == "conv3"
			}
		}
	}
	for stage := range blocks {
		for present[fmt.Sprintf("%d.%d", stage+1, blocks[stage])] {
			blocks[stage]++
		}
	}
	return blocks, bottleneck
}

// widths returns the width multipliers that the width of the last stage can stand for, the
// roundest first. The encoders of CMC have half the channels of their multiplier.
func (e *Encoder) widths(modal, prefix string) []float64 {
	var out []float64
	shape := shapeOf(e, prefix+"layer4.0.conv1.weight")
	if len(shape) != 4 {
		return nil
	}
	exact := float64(shape[0]) / 512
	if modal == "CMC" {
		exact *= 2
	}
	if math.Round(exact*1e5)/1e5 == exact {
		out = append(out, exact)
	}
	for _, digits := range []float64{10, 100, 1000, 1e4} {
		w := math.Round(exact*digits) / digits
		if w > 0 && w <= 8 && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}

// guessHead infers the projection head from the numbers of its layers.
func (e *Encoder) guessHead(c *nn.Config) {
	head := "head."
	if c.Modal == "CMC" {
		head = "head1."
	}
	layers := map[string]bool{}
	last := ""
	for name := range e.Tensors {
		if rest, ok := strings.CutPrefix(name, head); ok {
			layer, _, _ := strings.Cut(rest, ".")
			layers[layer] = true
			last = max(last, layer)
		}
	}
	c.Head = headOf(layers)
	if shape := shapeOf(e, head+last+".weight"); c.Head != "" && len(shape) == 2 {
		c.FeatDim = shape[0]
	}
}
