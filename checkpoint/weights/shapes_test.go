package weights

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"contralens/checkpoint"
	"contralens/nn"
)

// dict is a dictionary of tensors that a test puts together.
type dict struct{ checkpoint.OrderedDict }

func (d dict) add(from checkpoint.OrderedDict, pairs ...string) dict {
	return dict{append(slices.Clone(d.OrderedDict), renamed(from, replace(pairs...))...)}
}

// with adds a tensor of ones.
func (d dict) with(name string, shape ...int) dict {
	n := 1
	for _, s := range shape {
		n *= s
	}
	values := make([]float32, n)
	for i := range values {
		values[i] = 1
	}
	item := checkpoint.Item{Key: name, Value: checkpoint.FromFloat32(values, shape...)}
	return dict{append(slices.Clone(d.OrderedDict), item)}
}

// norm adds the tensors of a batch norm.
func (d dict) norm(name string, n int) dict {
	return d.with(name+".weight", n).with(name+".bias", n).with(name+".running_mean", n).with(name+".running_var", n)
}

// rename replaces parts of all names.
func (d dict) rename(from, to string, more ...string) dict {
	r := strings.NewReplacer(append([]string{from, to}, more...)...)
	return dict{renamed(d.OrderedDict, r.Replace)}
}

func under(key string, d dict) checkpoint.Dict {
	return checkpoint.Dict{{Key: key, Value: d.OrderedDict}}
}

// TestShapesOfFiles finds the query encoder, or says what hinders, in files of the shapes
// that other programs write. Each has the query encoder query, some the key encoder key.
func TestShapesOfFiles(t *testing.T) {
	within(t, func() {
		c := small
		query, key := state(t, c, 1), state(t, c, 2)
		cifar := c
		cifar.Stem = "cifar"
		cifarQuery := state(t, cifar, 3)
		bare := dict{}.add(query, "encoder.", "")
		resnet := func(prefix string) dict { return dict{}.add(query, "encoder.", prefix) }
		both := func(q, k string) dict { return dict{}.add(key, "encoder.", k).add(query, "encoder.", q) } // the key encoder first
		cifarNet := func(prefix, shortcut string, children ...string) dict {
			pairs := []string{}
			for i, part := range parts {
				pairs = append(pairs, "encoder."+part+".", prefix+children[i]+".")
			}
			return dict{}.add(cifarQuery, pairs...).rename("downsample", shortcut)
		}
		numbers := strings.Fields
		without := func(d dict, part string) dict {
			return dict{slices.DeleteFunc(slices.Clone(d.OrderedDict), func(i checkpoint.Item) bool {
				return strings.Contains(i.Key.(string), part)
			})}
		}
		for name, c := range map[string]struct {
			tree checkpoint.Dict
			want string // the place of the encoder, or a part of the error
			left string // what is ignored
			key  string // the place of the key encoder; "" if there is none
		}{
			"moco v3": {under("state_dict", both("module.base_encoder.", "module.momentum_encoder.").
				with("module.base_encoder.fc.0.weight", 8, 32).norm("module.base_encoder.fc.1", 8).with("module.predictor.0.weight", 8, 8)),
				"module.base_encoder.", "module.base_encoder.fc.0.weight", "module.momentum_encoder."},
			"dino": {checkpoint.Dict{
				{Key: "teacher", Value: dict{}.add(key, "encoder.", "backbone.").OrderedDict},
				{Key: "student", Value: resnet("module.backbone.").with("module.head.mlp.0.weight", 4, 32).OrderedDict}},
				"module.backbone.", "", "backbone."},
			"swav": {checkpoint.Dict(resnet("module.").with("module.projection_head.0.weight", 8, 32).norm("module.projection_head.1", 8).
				with("module.projection_head.3.weight", 4, 8).with("module.prototypes.weight", 30, 4).OrderedDict),
				"module.", "module.prototypes.weight", ""},
			"byol-pytorch": {checkpoint.Dict(resnet("net.").add(query, "encoder.", "online_encoder.net.").add(key, "encoder.", "target_encoder.net.").
				with("online_encoder.projector.net.0.weight", 8, 32).with("online_predictor.net.0.weight", 8, 8).OrderedDict),
				"net.", "", "target_encoder.net."},
			"vissl": {checkpoint.Dict{{Key: "classy_state_dict", Value: checkpoint.Dict{{Key: "base_model", Value: checkpoint.Dict{
				{Key: "model", Value: checkpoint.Dict{{Key: "trunk", Value: resnet("_feature_blocks.").OrderedDict},
					{Key: "heads", Value: dict{}.with("0.clf.0.weight", 8, 32).OrderedDict}}}}}}}},
				"_feature_blocks.", "", ""},
			"mmselfsup": {under("state_dict", both("encoder_q.0.", "encoder_k.0.").add(query, "encoder.", "backbone.").
				with("encoder_q.1.mlp.0.weight", 8, 32).with("queue", 8, 32)), "encoder_q.0.", "", "encoder_k.0."},
			"timm": {checkpoint.Dict{{Key: "state_dict", Value: bare.with("fc.weight", 10, 32).OrderedDict}, {Key: "state_dict_ema",
				Value: dict{}.add(key, "encoder.", "").OrderedDict}}, "", "fc.weight", ""},
			"simclr": {checkpoint.Dict(cifarNet("f.", "downsample", numbers("0 1 3 4 5 6")...).with("g.0.weight", 8, 32).norm("g.1", 8).OrderedDict),
				"f.", "", ""},
			"moco's demo": {under("state_dict", cifarNet("encoder_q.net.", "downsample", numbers("0 1 3 4 5 6")...).
				with("encoder_q.net.9.weight", 16, 32).with("encoder_q.net.9.bias", 16)), "encoder_q.net.", "encoder_q.net.9.weight", ""},
			"lightly, CIFAR":       {under("state_dict", cifarNet("backbone.", "shortcut", numbers("0 1 2 3 4 5")...)), "backbone.", "", ""},
			"supcontrast":          {under("model", cifarNet("encoder.module.", "shortcut", parts...).with("head.0.weight", 32, 32)), "encoder.module.", "", ""},
			"kuangliu":             {under("net", cifarNet("module.", "shortcut", parts...).with("module.linear.weight", 10, 32)), "module.", "module.linear.weight", ""},
			"blocks":               {under("model", cifarNet("", "proj", "stem.conv", "stem.bn", "blocks.0", "blocks.1", "blocks.2", "blocks.3")), "2+2+2+2 basic blocks", "", ""},
			"blocks with shortcut": {under("model", cifarNet("", "shortcut", "stem.conv", "stem.bn", "blocks.0", "blocks.1", "blocks.2", "blocks.3")), "", "", ""},
			"stages of blocks": {under("model", cifarNet("net.", "skip", "conv_stem", "bn_stem", "stage1.blocks", "stage2.blocks", "stage3.blocks", "stage4.blocks").
				rename(".bn1.", ".norm1.", ".bn2.", ".norm2.")), "net.", "", ""},
			"simsiam": {under("state_dict", resnet("module.encoder.").with("module.encoder.fc.0.weight", 32, 32).norm("module.encoder.fc.1", 32).
				with("module.predictor.0.weight", 8, 32)), "module.encoder.", "module.encoder.fc.0.weight", ""},
			"barlow twins": {under("model", resnet("module.backbone.").with("module.projector.0.weight", 8, 32).
				with("module.bn.running_mean", 8)), "module.backbone.", "", ""},
			"compiled":          {under("model", resnet("_orig_mod.")), "_orig_mod.", "", ""},
			"compiled by layer": {checkpoint.Dict(bare.rename("layer1.", "layer1._orig_mod.", "conv1.", "conv1._orig_mod.").OrderedDict), "", "", ""},
			"parallel by layer": {under("model", resnet("enc.").rename("layer2.", "layer2.module.")), "enc.", "", ""},
			"fsdp": {under("model", resnet("_fsdp_wrapped_module.").rename("layer1.0.", "layer1.0._fsdp_wrapped_module.",
				"layer4.", "layer4._checkpoint_wrapped_module.")), "_fsdp_wrapped_module.", "", ""},
			"ema-pytorch":        {checkpoint.Dict(both("online_model.", "ema_model.").OrderedDict), "online_model.", "", "ema_model."},
			"key first":          {checkpoint.Dict(both("query_encoder.", "key_encoder.").OrderedDict), "query_encoder.", "", "key_encoder."},
			"fresh MoCo":         {checkpoint.Dict(dict{}.add(query, "encoder.", "encoder_k.").add(query, "encoder.", "encoder_q.").OrderedDict), "encoder_q.", "", "encoder_k."},
			"key by elimination": {checkpoint.Dict(both("online.", "offline.").OrderedDict), "online.", "", "offline."},
			"a list of models":   {checkpoint.Dict{{Key: "models", Value: []any{bare.OrderedDict, 3}}}, "", "", ""},
			"one of two whole":   {checkpoint.Dict(both("b.", "a.").OrderedDict[len(bare.OrderedDict)/3:]), "b.", "", ""},

			"two encoders":  {checkpoint.Dict(both("b.", "a.").OrderedDict), "want one of the encoders in x.pth: a, b", "", ""},
			"two of RGB":    {checkpoint.Dict(both("encoder1.", "encoder2.").OrderedDict), "x.pth: encoder2, encoder1", "", ""},
			"SE":            {checkpoint.Dict(bare.with("layer1.0.se.fc1.weight", 1, 4, 1, 1).OrderedDict), "layer1.0.se.fc1.weight", "", ""},
			"ECA":           {checkpoint.Dict(bare.with("layer1.0.eca.conv.weight", 1, 1, 3).OrderedDict), "layer1.0.eca.conv.weight", "", ""},
			"CBAM":          {checkpoint.Dict(bare.with("layer4.1.cbam.SpatialGate.spatial.conv.weight", 1, 2, 7, 7).OrderedDict), "layer4.1.cbam", "", ""},
			"LoRA":          {checkpoint.Dict(bare.with("layer2.0.conv1.lora_A", 4, 8).OrderedDict), "layer2.0.conv1.lora_A", "", ""},
			"PEFT":          {checkpoint.Dict(bare.rename("layer2.0.conv1.weight", "layer2.0.conv1.base_layer.weight").OrderedDict), "1 tensor is missing: encoder.layer2.0.conv1.weight", "", ""},
			"bias":          {checkpoint.Dict(bare.with("layer2.0.conv1.bias", 8).OrderedDict), "1 tensor is in its backbone, but not in this network: layer2.0.conv1.bias", "", ""},
			"group norm":    {checkpoint.Dict(without(bare, "running").OrderedDict), "missing: encoder.bn1.running_mean", "", ""},
			"anti-alias":    {checkpoint.Dict(bare.with("layer2.0.downsample.blur.filt", 8, 1, 3, 3).OrderedDict), "layer2.0.downsample.blur.filt", "", ""},
			"spectral norm": {checkpoint.Dict(bare.rename("layer3.0.conv2.weight", "layer3.0.conv2.weight_orig").OrderedDict), "layer3.0.conv2.weight_orig", "", ""},
			"ResNet-D":      {checkpoint.Dict(bare.rename("downsample.1.", "downsample.2.", "downsample.0.", "downsample.1.").OrderedDict), "of another shape: encoder.layer2.0.downsample.1.weight", "", ""},
			"CLIP": {checkpoint.Dict(resnet("visual.").with("visual.conv2.weight", 4, 4, 3, 3).norm("visual.bn2", 4).with("visual.attnpool.positional_embedding", 50, 32).
				with("visual.attnpool.q_proj.weight", 32, 32).with("transformer.resblocks.0.ln_1.weight", 8).OrderedDict), "visual.attnpool.q_proj.weight", "", ""},
			"attention pool":    {checkpoint.Dict(bare.with("attnpool.q_proj.weight", 32, 32).OrderedDict), "attnpool.q_proj.weight", "", ""},
			"a fifth stage":     {checkpoint.Dict(bare.with("layer5.0.conv1.weight", 32, 32, 3, 3).OrderedDict), "layer5.0.conv1.weight", "", ""},
			"ResNet-20":         {checkpoint.Dict(without(dict{}.add(cifarQuery, "encoder.", ""), "layer4").OrderedDict), "got 2+2+2+0 basic blocks", "", ""},
			"both shortcuts":    {checkpoint.Dict(bare.with("layer2.0.shortcut.0.weight", 8, 4, 1, 1).OrderedDict), "layer2.0.shortcut.0.weight", "", ""},
			"a quantized layer": {checkpoint.Dict(append(without(bare, "layer3.1.conv1").OrderedDict, checkpoint.Item{Key: "layer3.1.conv1.weight", Value: checkpoint.Foreign{What: "quantized"}})), "layer3.1.conv1.weight", "", ""},
			"a whole model":     {checkpoint.Dict{{Key: "model", Value: checkpoint.Foreign{What: "an object of the class x.Net"}}, {Key: "n", Value: vector(1)}}, "model: an object of the class x.Net", "", ""},
		} {
			t.Run(name, func(t *testing.T) {
				f := &File{Path: "x.pth", Tree: c.tree}
				e, err := f.Encoder(false)
				if err == nil {
					var net nn.Config
					if net, err = e.Network(); err == nil {
						m, errNew := nn.New(net, 0)
						if errNew != nil {
							t.Fatal(errNew)
						}
						defer m.Free()
						_, err = e.Load(m, false, false)
					}
				}
				if err != nil {
					if !strings.Contains(err.Error(), c.want) || c.want == "" {
						t.Errorf("%v, want %q", err, c.want)
					}
					return
				}
				if e.Prefix != c.want {
					t.Errorf("the encoder is at %q, want %q", e.Prefix, c.want)
				}
				if got := strings.Join(e.Left, " "); !strings.HasPrefix(got, c.left) || (c.left == "" && got != "") {
					t.Errorf("ignored: %q, want %q", got, c.left)
				}
				x, y := e.Tensors["encoder.layer3.1.conv2.weight"], query.Get("encoder.layer3.1.conv2.weight").(*checkpoint.Tensor)
				if z := cifarQuery.Get("encoder.layer3.1.conv2.weight"); x != y && x != z {
					t.Error("it is another encoder")
				}
				k, err := f.Encoder(true)
				if name == "timm" {
					if err != nil || k.Group != "state_dict_ema" {
						t.Errorf("the key encoder: %v", err)
					}
					return
				}
				if c.key == "" && err == nil {
					t.Errorf("a key encoder at %q", k.Prefix)
				}
				if c.key != "" && (err != nil || k.Prefix != c.key) {
					t.Errorf("the key encoder: %v (%v), want %q", k, err, c.key)
				}
			})
		}
	})
}

// EncoderAt takes the encoder that is named, in any of the forms in which it is written.
func TestEncoderAt(t *testing.T) {
	within(t, func() {
		a, b := state(t, small, 1), state(t, small, 2)
		f := &File{Path: "x.pth", Tree: under("state_dict", dict{}.add(a, "encoder.", "module.a.").add(b, "encoder.", "module.b."))}
		for _, prefix := range []string{"module.b.", "module.b", "state_dict.module.b.", "state_dict: module.b.*", "b"} {
			if e, err := f.EncoderAt(prefix, false); err != nil || e.Tensors["encoder.conv1.weight"] != b.Get("encoder.conv1.weight") {
				t.Errorf("%s: %v", prefix, err)
			}
		}
		want := `prefix: want one of the encoders in x.pth: state_dict.module.a, state_dict.module.b, got "c"`
		if _, err := f.EncoderAt("c", false); fmt.Sprint(err) != want {
			t.Errorf("error %v, want %s", err, want)
		}
		if _, err := f.EncoderAt("", false); err == nil || !strings.Contains(err.Error(), "prefix: want one of") {
			t.Errorf("error %v", err)
		}
	})
}

// Weights that are NaN or infinite are found when they are loaded or written, and by
// Inspect; those of a head that is not needed are not.
func TestNotFinite(t *testing.T) {
	within(t, func() {
		for _, bits := range []string{"\x00\x00\xc0\x7f", "\x00\x00\x80\xff"} {
			d := renamed(state(t, small, 1), replace("", ""))
			x := d.Get("encoder.layer2.0.bn1.running_var").(*checkpoint.Tensor)
			copy(x.Data[4:], bits)
			path := t.TempDir() + "/x.pth"
			if err := checkpoint.Write(path, checkpoint.Dict(d)); err != nil {
				t.Fatal(err)
			}
			want := "1 of the 8 values of encoder.layer2.0.bn1.running_var are NaN or infinite"
			if m, err := Model(path); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("loaded %v, error %v", m, err)
			}
			if i, err := Inspect(path, "", ""); err != nil || !strings.Contains(i.Problem, want) {
				t.Errorf("inspected %v, error %v", i, err)
			}
			e, err := (&File{Tree: checkpoint.Dict(d)}).Encoder(false)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := e.Save(path, small, SaveOptions{}); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("saved, error %v", err)
			}
		}
	})
}
