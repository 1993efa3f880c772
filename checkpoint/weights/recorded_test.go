package weights

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contralens/checkpoint"
	"contralens/checkpoint/safetensors"
	"contralens/nn"
	"contralens/nn/backbone"
	"contralens/nn/layers"
	"contralens/torch"
)

// brightness is a backbone whose tensors don't have the names of a ResNet.
type brightness struct{ norm *layers.BatchNorm }

func (b brightness) Dims() []int { return []int{3} }
func (b brightness) Features(x *torch.Tensor) *torch.Tensor {
	return b.norm.Forward(x.MeanDim([]int{2, 3}, false))
}
func (b brightness) Stages(x *torch.Tensor) []*torch.Tensor {
	return []*torch.Tensor{b.norm.Forward(x)}
}

// A backbone other than a ResNet is found by the record in its file, whatever the prefix,
// and the query encoder is distinguished from the key encoder.
func TestRecorded(t *testing.T) {
	build := func(b layers.Builder, _ backbone.Options) (backbone.Backbone, error) {
		return brightness{b.BatchNorm("scale", 3)}, nil
	}
	backbone.Register(backbone.Arch{Name: "brightness", New: build})
	file := func(arch string, names ...string) *File {
		var query, key checkpoint.OrderedDict
		for i, name := range names {
			query = append(query, checkpoint.Item{Key: "module.encoder.scale." + name, Value: vector(float32(i))})
			key = append(key, checkpoint.Item{Key: "encoder.scale." + name, Value: vector(10)})
		}
		tree := checkpoint.Dict{{Key: "model_ema", Value: key}, {Key: "model", Value: query}}
		options := map[string]string{"arch": arch, "width": "1", "head": "linear", "feat_dim": "4"}
		return &File{Path: "x.pth", Tree: tree, Options: options}
	}
	all := []string{"weight", "bias", "running_mean", "running_var"}
	within(t, func() {
		e, err := file("brightness", append(all, "num_batches_tracked")...).Encoder(false)
		if err != nil {
			t.Fatal(err)
		}
		c, err := e.Network()
		if err != nil || c.Arch != "brightness" || c.Head != "linear" || c.FeatDim != 4 {
			t.Errorf("the network is %+v, error %v", c, err)
		}
		if got := e.Sources["encoder.scale.bias"]; got != "module.encoder.scale.bias" || len(e.Others) != 1 {
			t.Errorf("the bias comes from %q, others are %q", got, e.Others)
		}
	})
	for want, f := range map[string]*File{
		"want the tensors of brightness, the architecture in its record": file("brightness", all...),
		`x.pth: its record: arch: want one of resnet18`:                  file("darkness", all...),
	} {
		within(t, func() {
			if _, err := f.Encoder(false); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %q in it", err, want)
			}
		})
	}
	within(t, func() {
		shapes, err := nn.Shapes(nn.Config{Arch: "brightness", FeatDim: 4})
		named := func(s nn.Shape) bool { return s.Name == "encoder.scale.running_var" }
		if err != nil || !slices.ContainsFunc(shapes, named) {
			t.Errorf("the network has %v, error %v", shapes, err)
		}
	})
}

// The metadata of another program is ignored: the shapes determine the network.
func TestForeignMetadata(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.safetensors")
	within(t, func() {
		tensors := renamed(state(t, small, 1), replace("encoder.", ""))
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := safetensors.Write(f, checkpoint.Dict(tensors), map[string]string{"arch": "ResNet-18"}); err != nil {
			t.Fatal(err)
		}
		file, err := Open(path, "")
		if err != nil {
			t.Fatal(err)
		}
		e, err := file.Encoder(false)
		if err != nil {
			t.Fatal(err)
		}
		if c, err := e.Network(); err != nil || c.Arch != small.Arch || file.Options != nil {
			t.Errorf("the network is %+v, error %v, options %v", c, err, file.Options)
		}
	})
}

func vector(v float32) *checkpoint.Tensor { return checkpoint.FromFloat32([]float32{v, v, v}, 3) }
