package weights

import (
	"fmt"
	"io"
	"strings"

	"contralens/checkpoint/onnx"
	"contralens/nn"
	"contralens/nn/backbone"
)

// graph is the ONNX graph of a network's forward pass in evaluation mode.
type graph struct {
	onnx.Graph
	e *Encoder
}

// writeONNX writes the backbone, followed by the projection head if head is set. The input
// is "images" [batch, 3, height, width], normalized as for training; the output is
// "features" [batch, D] or, with the head, "embeddings" [batch, d].
func (e *Encoder) writeONNX(w io.Writer, c nn.Config, head bool, options map[string]string) error {
	arch, known := backbone.FindResNet(c.Arch)
	if !known || c.Modal == "CMC" || arch.SplitStem > 0 {
		return fmt.Errorf("ONNX: want a ResNet, ResNeXt or wide ResNet on RGB, got %s with modal %s", c.Arch, c.Modal)
	}
	g := &graph{e: e}
	kernel, stride := 7, 2
	if c.Stem == "cifar" {
		kernel, stride = 3, 1
	}
	x := g.conv("images", "encoder.conv1", kernel, stride, 3)
	x = g.Node("Relu", []string{g.norm(x, "encoder.bn1")}, nil)
	if c.Stem == "imagenet" {
		x = g.Node("MaxPool", []string{x}, map[string]any{
			"kernel_shape": []int{3, 3}, "strides": []int{2, 2}, "pads": []int{1, 1, 1, 1},
		})
	}
	in := shapeOf(e, "encoder.conv1.weight")[0]
	for stage, n := range arch.Blocks {
		for i := range n {
			s := 1
			if stage > 0 && i == 0 {
				s = 2
			}
			x, in = g.block(x, fmt.Sprintf("encoder.layer%d.%d.", stage+1, i), arch.Bottleneck, s, in)
		}
	}
	x = g.Node("Flatten", []string{g.Node("GlobalAveragePool", []string{x}, nil)}, map[string]any{"axis": 1})
	out, size := "features", in
	if head {
		out, size = "embeddings", c.FeatDim
		x = g.head(x, c.Head)
	}
	return g.Write(w, "images", 3, x, out, size, options)
}

func (g *graph) weight(name string) string {
	return g.Weight(strings.TrimPrefix(name, "encoder."), g.e.Tensors[name])
}

func (g *graph) conv(x, name string, kernel, stride, in int) string {
	shape := shapeOf(g.e, name+".weight")
	groups := 1
	if len(shape) == 4 && shape[1] > 0 {
		groups = in / shape[1]
	}
	p := kernel / 2
	return g.Node("Conv", []string{x, g.weight(name + ".weight")}, map[string]any{
		"kernel_shape": []int{kernel, kernel}, "strides": []int{stride, stride}, "pads": []int{p, p, p, p}, "group": groups,
	})
}

func (g *graph) norm(x, name string) string {
	inputs := []string{x}
	for _, of := range []string{".weight", ".bias", ".running_mean", ".running_var"} {
		inputs = append(inputs, g.weight(name+of))
	}
	return g.Node("BatchNormalization", inputs, map[string]any{"epsilon": 1e-5})
}

// block adds a residual block after x, which has in channels. It returns the output and
// its number of channels.
func (g *graph) block(x, at string, bottleneck bool, stride, in int) (string, int) {
	kernels, strides := []int{3, 3}, []int{stride, 1}
	if bottleneck {
		kernels, strides = []int{1, 3, 1}, []int{1, stride, 1}
	}
	y, channels := x, in
	for i, kernel := range kernels {
		name := fmt.Sprintf("%sconv%d", at, i+1)
		y = g.norm(g.conv(y, name, kernel, strides[i], channels), fmt.Sprintf("%sbn%d", at, i+1))
		channels = shapeOf(g.e, name+".weight")[0]
		if i < len(kernels)-1 {
			y = g.Node("Relu", []string{y}, nil)
		}
	}
	if g.e.Tensors[at+"downsample.0.weight"] != nil {
		x = g.norm(g.conv(x, at+"downsample.0", 1, stride, in), at+"downsample.1")
	}
	return g.Node("Relu", []string{g.Node("Add", []string{y, x}, nil)}, nil), channels
}

// head adds a projection head of heads.Names. It normalizes as PyTorch does, by
// x / max(|x|, 1e-12).
func (g *graph) head(x, kind string) string {
	linear := func(n int) {
		at := fmt.Sprint("head.", n, ".")
		x = g.Node("Gemm", []string{x, g.weight(at + "weight"), g.weight(at + "bias")}, map[string]any{"transB": 1})
	}
	n := 0
	for range map[string]int{"mlp": 1, "mlp_bn": 1, "2mlp_bn": 2}[kind] {
		linear(n)
		if n++; kind != "mlp" {
			x = g.norm(x, fmt.Sprint("head.", n))
			n++
		}
		x = g.Node("Relu", []string{x}, nil)
		n++
	}
	linear(n)
	if kind == "linear_wo_norm" {
		return x
	}
	length := g.Node("ReduceL2", []string{x}, map[string]any{"axes": []int{1}, "keepdims": 1})
	small := g.Node("Clip", []string{length, g.Scalar("smallest_length", 1e-12)}, nil)
	return g.Node("Div", []string{x, small}, nil)
}
