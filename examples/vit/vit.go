// Package vit adds a small vision transformer (ViT-Tiny; Dosovitskiy et al., 2021) to
// the architectures, from outside. Import it to enable --arch vit_tiny.
// docs/extending.md explains it.
package vit

import (
	"fmt"
	"math"

	"contralens/nn/backbone"
	"contralens/nn/layers"
	"contralens/torch"
)

const (
	heads    = 3
	headSize = 64 // values per head of a token, at width 1
	depth    = 3  // blocks per stage after the first
)

func init() {
	backbone.Register(backbone.Arch{Name: "vit_tiny", New: build, Widths: true, Stems: true, Jigsaw: true})
}

// vit splits an image into patches and lets their tokens [N, T, D] attend to each
// other.
type vit struct {
	patch  int // side
	dim    int
	embed  *layers.Conv2d // from patches to tokens
	where  *layers.Conv2d // positional encoding from neighboring tokens (Chu et al., 2021), for any image size
	stages [4]layers.Sequential
	tape   *layers.Tape
}

// build uses patches of 16 pixels for large images and of 4 for small ones.
func build(b layers.Builder, o backbone.Options) (backbone.Backbone, error) {
	v := &vit{patch: 16, tape: o.Tape}
	if o.Stem == "cifar" {
		v.patch = 4
	}
	size := max(1, int(math.Round(headSize*o.Width*o.Multiplier)))
	v.dim = heads * size
	stem := b.Stage(0)
	v.embed = stem.Conv2d("embed", o.Channels, v.dim, layers.Conv{Kernel: v.patch, Stride: v.patch, Bias: true})
	v.where = stem.Conv2d("where", v.dim, v.dim, layers.Conv{Kernel: 3, Padding: 1, Groups: v.dim, Bias: true})
	for i := range v.stages {
		at := b.Stage(i + 1)
		for j := range depth {
			v.stages[i] = append(v.stages[i], newBlock(at.At(fmt.Sprint("blocks.", i*depth+j)), size))
		}
	}
	last := len(v.stages) - 1
	v.stages[last] = append(v.stages[last], b.Stage(last+1).LayerNorm("norm", v.dim))
	return v, nil
}

// Dims returns the channels of each stage.
func (v *vit) Dims() []int { return []int{v.dim, v.dim, v.dim, v.dim, v.dim} }

// Features returns the mean over an image's tokens.
func (v *vit) Features(images *torch.Tensor) *torch.Tensor {
	return torch.Scoped1(func() *torch.Tensor {
		tokens := v.run(images, func(*torch.Tensor) {})
		return tokens.MeanDim([]int{1}, false)
	})
}

// Stages returns the tokens after each stage, arranged as in the image.
func (v *vit) Stages(images *torch.Tensor) (maps []*torch.Tensor) {
	h, w := images.Size(2)/v.patch, images.Size(3)/v.patch
	v.run(images, func(tokens *torch.Tensor) {
		maps = append(maps, tokens.Transpose(1, 2).Reshape(tokens.Size(0), v.dim, h, w))
	})
	return maps
}

// run calls stage with the tokens of each stage, which the next stage then takes over.
// It returns the last tokens.
func (v *vit) run(images *torch.Tensor, stage func(tokens *torch.Tensor)) *torch.Tensor {
	tokens := v.tape.Pass(images, v.begin)
	stage(tokens)
	for _, blocks := range v.stages {
		for _, b := range blocks {
			tokens = v.tape.Pass(tokens, b.Forward)
		}
		stage(tokens)
	}
	return tokens
}

// begin maps images [N, C, H, W] to tokens [N, T, D]. It ignores pixels beyond the last
// whole patch.
func (v *vit) begin(images *torch.Tensor) *torch.Tensor {
	return torch.Scoped1(func() *torch.Tensor {
		x := v.embed.Forward(images)
		return x.Add(v.where.Forward(x)).Flatten(2, 3).Transpose(1, 2)
	})
}

// block is self-attention and a two-layer perceptron, each after a norm and with a
// residual connection.
type block struct {
	norm1, norm2   *layers.LayerNorm
	qkv, proj      *layers.Linear
	hidden, shrink *layers.Linear
	size           int // of a head
}

func newBlock(b layers.Builder, size int) *block {
	dim := heads * size
	return &block{
		size:  size,
		norm1: b.LayerNorm("norm1", dim), qkv: b.Linear("attn.qkv", dim, 3*dim), proj: b.Linear("attn.proj", dim, dim),
		norm2: b.LayerNorm("norm2", dim), hidden: b.Linear("mlp.fc1", dim, 4*dim), shrink: b.Linear("mlp.fc2", 4*dim, dim),
	}
}

// Forward maps tokens [N, T, D] to [N, T, D].
func (b *block) Forward(x *torch.Tensor) *torch.Tensor {
	return torch.Scoped1(func() *torch.Tensor {
		x := x.Add(b.attend(b.norm1.Forward(x)))
		return x.Add(b.shrink.Forward(b.hidden.Forward(b.norm2.Forward(x)).Gelu()))
	})
}

// attend computes softmax(q·kᵀ/√size)·v in each head.
func (b *block) attend(x *torch.Tensor) *torch.Tensor {
	n, t := x.Size(0), x.Size(1)
	qkv := b.qkv.Forward(x).Reshape(n, t, 3, heads, b.size).Permute(2, 0, 3, 1, 4) // [3, N, heads, T, size]
	q, k, v := qkv.Select(0, 0), qkv.Select(0, 1), qkv.Select(0, 2)
	weights := q.Matmul(k.Transpose(2, 3)).MulScalar(1 / math.Sqrt(float64(b.size))).Softmax(3)
	return b.proj.Forward(weights.Matmul(v).Transpose(1, 2).Reshape(n, t, heads*b.size))
}
