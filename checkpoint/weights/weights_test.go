package weights

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"contralens/checkpoint"
	"contralens/internal/golden"
	"contralens/nn"
	"contralens/nn/backbone"
	"contralens/torch"
)

// within runs tensor work and checks that no tensors leak.
func within(t *testing.T, f func()) {
	t.Helper()
	before := torch.LiveTensors()
	if err := torch.Run(func() error { torch.Scoped(f); return nil }); err != nil {
		t.Fatal(err)
	}
	if n := torch.LiveTensors() - before; n != 0 {
		t.Errorf("%d tensors leaked", n)
	}
}

// state returns the state dict of a network with the values of the fill formula,
// including counters.
func state(t *testing.T, c nn.Config, seed uint64) checkpoint.OrderedDict {
	t.Helper()
	shapes, err := nn.Shapes(c)
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string][]int{}
	for _, s := range shapes {
		byName[s.Name] = s.Shape
	}
	values := golden.Fill(byName, seed)
	var d checkpoint.OrderedDict
	for _, s := range shapes {
		tensor := checkpoint.FromFloat32(values[s.Name], s.Shape...)
		if strings.HasSuffix(s.Name, "num_batches_tracked") {
			tensor = checkpoint.FromInt64([]int64{7}, s.Shape...)
		}
		d = append(d, checkpoint.Item{Key: s.Name, Value: tensor})
	}
	return d
}

// renamed returns a state dict with other names; "" drops an entry.
func renamed(d checkpoint.OrderedDict, name func(string) string) checkpoint.OrderedDict {
	var out checkpoint.OrderedDict
	for _, i := range d {
		if n := name(i.Key.(string)); n != "" {
			out = append(out, checkpoint.Item{Key: n, Value: i.Value})
		}
	}
	return out
}

// replace returns a function that replaces prefixes, given as pairs of old and new. It
// drops other names.
func replace(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if rest, ok := strings.CutPrefix(name, pairs[i]); ok {
				return pairs[i+1] + rest
			}
		}
		return ""
	}
}

var small = nn.Config{Arch: "resnet18", Width: 0.0625, Head: "mlp", FeatDim: 16, Stem: "imagenet", Modal: "RGB"}

// TestOrigins writes one network in the form of other projects' files, and finds it again:
// every value, and the query encoder rather than the key encoder.
func TestOrigins(t *testing.T) {
	within(t, func() {
		query, key := state(t, small, 1), state(t, small, 2)
		both := func(q, k func(string) string) checkpoint.OrderedDict {
			return append(renamed(key, k), renamed(query, q)...) // the key encoder first
		}
		classifier := checkpoint.Item{Key: "fc.weight", Value: checkpoint.FromFloat32(make([]float32, 32*10), 10, 32)}
		for name, c := range map[string]struct {
			tree     checkpoint.Dict
			head     bool
			left     int
			keyThere bool
		}{
			"ours": {checkpoint.Dict{{Key: "model_ema", Value: key}, {Key: "model", Value: renamed(query, replace("", "module."))}, {Key: "epoch", Value: 3}}, true, 0, true},
			"moco": {checkpoint.Dict{{Key: "state_dict", Value: append(both(
				replace("encoder.", "module.encoder_q.", "head.", "module.encoder_q.fc."), replace("encoder.", "module.encoder_k.", "head.", "module.encoder_k.fc.")),
				checkpoint.Item{Key: "module.queue", Value: checkpoint.FromFloat32(make([]float32, 32), 16, 2)})}}, true, 0, true},
			"torchvision":   {checkpoint.Dict(append(renamed(query, replace("encoder.", "")), classifier)), false, 1, false},
			"pycontrast":    {checkpoint.Dict{{Key: "model", Value: renamed(query, replace("encoder.", "module.encoder.", "head.", "module.head."))}, {Key: "model_ema", Value: renamed(key, replace("", "module."))}}, true, 0, true},
			"solo-learn":    {checkpoint.Dict{{Key: "state_dict", Value: both(replace("encoder.", "backbone.", "head.", "projector."), replace("encoder.", "momentum_backbone.", "head.", "momentum_projector."))}}, true, 0, true},
			"lightly":       {checkpoint.Dict{{Key: "state_dict", Value: both(children("backbone.", "projection_head.layers."), children("backbone_momentum.", "projection_head_momentum.layers."))}}, true, 0, true},
			"detectron2":    {checkpoint.Dict{{Key: "model", Value: renamed(query, func(n string) string { return detectron(n) })}, {Key: "matching_heuristics", Value: true}}, false, 0, false},
			"bare encoder.": {checkpoint.Dict(renamed(query, replace("encoder.", "encoder."))), false, 0, false},
		} {
			t.Run(name, func(t *testing.T) {
				f := &File{Path: name, Tree: c.tree}
				e, err := f.Encoder(false)
				if err != nil {
					t.Fatal(err)
				}
				check(t, e, query, c.head)
				if len(e.Left) != c.left {
					t.Errorf("left out: %v, want %d", e.Left, c.left)
				}
				if e, err = f.Encoder(true); (err == nil) != c.keyThere {
					t.Errorf("the key encoder: %v", err)
				} else if err == nil {
					check(t, e, key, c.head)
				}
			})
		}
	})
}

func children(backbone, head string) func(string) string {
	return replace("encoder.conv1.", backbone+"0.", "encoder.bn1.", backbone+"1.", "encoder.layer1.", backbone+"4.", "encoder.layer2.", backbone+"5.",
		"encoder.layer3.", backbone+"6.", "encoder.layer4.", backbone+"7.", "head.", head)
}

func detectron(name string) string {
	if rest, ok := strings.CutPrefix(name, "encoder."); ok {
		return "backbone.bottom_up." + backbone.Detectron2Name(rest)
	}
	return ""
}

// check infers the network, loads it and compares every tensor.
func check(t *testing.T, e *Encoder, want checkpoint.OrderedDict, head bool) {
	t.Helper()
	c, err := e.Network()
	if err != nil {
		t.Fatal(err)
	}
	expected := small
	if !head {
		expected.Head, expected.FeatDim = "", 0
	}
	if c != expected {
		t.Errorf("network %+v, want %+v", c, expected)
	}
	m, err := nn.New(c, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Free()
	notes, err := e.Load(m, head, false)
	if err != nil {
		t.Fatal(err)
	}
	if wantNotes := 0; head && len(notes) != wantNotes {
		t.Errorf("notes %v", notes)
	}
	for _, s := range m.State {
		if strings.HasPrefix(s.Name, "head") && !head {
			continue
		}
		if x := want.Get(s.Name).(*checkpoint.Tensor); !reflect.DeepEqual(s.Tensor.Bytes(), x.Data) {
			t.Errorf("%s has other values", s.Name)
		}
	}
}

// TestNetworks infers every architecture from its shapes.
func TestNetworks(t *testing.T) {
	var configs []nn.Config
	for _, arch := range []string{"resnet18", "resnet34", "resnet50", "resnet101", "resnet18x2", "resnet50x4", "resnext50", "resnext101v2", "resnest50", "wide_resnet50_2"} {
		configs = append(configs, nn.Config{Arch: arch, Width: 1, Stem: "imagenet", Modal: "RGB", Head: "linear", FeatDim: 128})
	}
	configs = append(configs,
		nn.Config{Arch: "resnet18", Width: 0.25, Stem: "cifar", Modal: "RGB", Head: "mlp_bn", FeatDim: 64},
		nn.Config{Arch: "resnet50", Width: 0.3, Stem: "cifar", Modal: "RGB", Head: "2mlp_bn", FeatDim: 64},
		nn.Config{Arch: "resnet50", Width: 1, Stem: "imagenet", Modal: "CMC", Head: "mlp", FeatDim: 64},
		nn.Config{Arch: "resnet18", Width: 0.25, Stem: "cifar", Modal: "CMC", Head: "linear", FeatDim: 128},
		nn.Config{Arch: "resnet50", Width: 0.3, Stem: "imagenet", Modal: "CMC", Head: "mlp", FeatDim: 64},
	)
	within(t, func() {
		for _, c := range configs {
			shapes, err := nn.Shapes(c)
			if err != nil {
				t.Fatal(err)
			}
			var d checkpoint.OrderedDict
			for _, s := range shapes {
				d = append(d, checkpoint.Item{Key: "module." + s.Name, Value: &checkpoint.Tensor{Dtype: "float32", Shape: s.Shape}})
			}
			e, err := (&File{Tree: checkpoint.Dict{{Key: "model", Value: d}}}).Encoder(false)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := e.Network(); err != nil || got != c {
				t.Errorf("got %+v (%v), want %+v", got, err, c)
			}
		}
	})
}

// TestErrors: errors name what doesn't fit.
func TestErrors(t *testing.T) {
	within(t, func() {
		d := renamed(state(t, small, 1), replace("encoder.", ""))
		open := func(d checkpoint.OrderedDict) *File { return &File{Path: "x.pth", Tree: checkpoint.Dict(d)} }
		load := func(d checkpoint.OrderedDict, c nn.Config, strict bool) error {
			e, err := open(d).Encoder(false)
			if err != nil {
				return err
			}
			m, err := nn.New(c, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Free()
			_, err = e.Load(m, false, strict)
			return err
		}
		without := func(name string) checkpoint.OrderedDict {
			return slices.DeleteFunc(slices.Clone(d), func(i checkpoint.Item) bool { return i.Key == name })
		}
		other := small
		other.Width = 0.125
		extra := append(slices.Clone(d), checkpoint.Item{Key: "layer5.weight", Value: checkpoint.FromFloat32(nil, 0)})
		for name, c := range map[string]struct {
			err  error
			want string
		}{
			"nothing":        {load(renamed(d, replace("layer3", "x")), small, false), "found none of them among x.0.conv1.weight"},
			"empty":          {load(nil, small, false), "no tensors at all"},
			"a part":         {load(without("layer2.0.conv1.weight"), small, false), "1 tensor is missing: encoder.layer2.0.conv1.weight"},
			"another width":  {load(d, other, false), "encoder.conv1.weight: want [8 3 7 7], got [4 3 7 7]"},
			"strict, a head": {load(d, small, true), "missing: head.0.weight"},
			"strict, extra":  {load(extra, small, true), "layer5.weight"},
			"not strict":     {load(extra, small, false), ""},
		} {
			if (c.err == nil) != (c.want == "") || (c.err != nil && !strings.Contains(c.err.Error(), c.want)) {
				t.Errorf("%s: got %v, want %s", name, c.err, c.want)
			}
		}
		if _, err := Open("nowhere.safetensors", ""); err == nil || !strings.Contains(err.Error(), "nowhere.safetensors") {
			t.Errorf("a missing file: %v", err)
		}
	})
}

// TestFormats saves in every format and reads back. All tensors are equal, except for the
// counters of batch norm, which ONNX doesn't have.
func TestFormats(t *testing.T) {
	within(t, func() {
		want := state(t, small, 4)
		e, err := (&File{Tree: checkpoint.Dict{{Key: "model", Value: want}}}).Encoder(false)
		if err != nil {
			t.Fatal(err)
		}
		for name, head := range map[string]bool{"x.pth": true, "x.safetensors": true, "x.npz": true, "x.pkl": false, "x.onnx": true} {
			path := filepath.Join(t.TempDir(), name)
			var note string
			files, err := e.Save(path, small, SaveOptions{Head: head, InputRes: 32, Note: func(s string) { note = s }})
			if err != nil {
				t.Fatal(err)
			}
			f, err := Open(path, "")
			if err != nil {
				t.Fatal(err)
			}
			back, err := f.Encoder(false)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := back.Network(); err != nil || got.Arch != small.Arch || got.Width != small.Width || (head && got != small) {
				t.Errorf("%s: network %+v (%v)", name, got, err)
			}
			compared := 0
			for _, i := range want {
				ours := i.Key.(string)
				if (strings.HasPrefix(ours, "head") && !head) || (name == "x.onnx" && strings.HasSuffix(ours, "num_batches_tracked")) {
					continue
				}
				compared++
				if got := back.Tensors[ours]; !reflect.DeepEqual(got, i.Value) {
					t.Errorf("%s: %s is not equal", name, ours)
				}
			}
			if compared < 80 {
				t.Errorf("%s: %d tensors were compared", name, compared)
			}
			if (name == "x.safetensors" || name == "x.onnx") && (f.Options["input_res"] != "32" || f.Options["head"] != "mlp") {
				t.Errorf("%s: options %v", name, f.Options)
			}
			// Detectron2 builds no narrow ResNet-18.
			if narrow := name == "x.pkl"; len(files) != 1 || strings.Contains(note, "first stage") != narrow {
				t.Errorf("%s: files %v, note %q", name, files, note)
			}
		}
		if _, err := e.Save(filepath.Join(t.TempDir(), "x"), small, SaveOptions{Format: "bmp"}); err == nil || !strings.Contains(err.Error(), fmt.Sprint(strings.Join(Formats, ", "))) {
			t.Errorf("an unknown format: %v", err)
		}
	})
}
