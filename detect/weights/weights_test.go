package weights

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contralens/checkpoint"
	encoders "contralens/checkpoint/weights"
	"contralens/detect/rcnn"
	"contralens/internal/golden"
	"contralens/internal/tensortest"
	"contralens/nn"
	"contralens/nn/backbone"
	"contralens/rundir"
	"contralens/statedict"
)

// written writes a state as Detectron2 does, and returns the path.
func written(t *testing.T, d checkpoint.OrderedDict, more ...checkpoint.Item) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model_final.pth")
	if err := checkpoint.Write(path, append(checkpoint.Dict{{Key: "model", Value: d}}, more...)); err != nil {
		t.Fatal(err)
	}
	return path
}

// The variant of a detector is recognized by its names and shapes, and all of its tensors are
// loaded, those besides its encoder, too.
func TestOpen(t *testing.T) {
	four := rcnn.FourConv
	four.ConvDim, four.FCDim, four.Pyramid, four.MaskDim = 8, 12, 10, 6
	maskNorms := rcnn.TwoFC
	maskNorms.Norm = true
	for name, o := range map[string]rcnn.Options{
		"fpn 2fc, norms of masks": {Detector: rcnn.FPN, Arch: "resnet18", Classes: 2, Heads: maskNorms, Masks: true},
		"c4":                      {Detector: rcnn.C4, Arch: "resnet50", Classes: 3, ExtraNorm: true, Masks: true},
		"c4 plain":                {Detector: rcnn.C4, Arch: "resnet50", Classes: 20},
		"fpn 2fc":                 {Detector: rcnn.FPN, Arch: "resnet18", Classes: 1, PyramidNorm: true, Heads: rcnn.TwoFC},
		"fpn 4conv":               {Detector: rcnn.FPN, Arch: "resnet50", Classes: 4, PyramidNorm: true, Masks: true, Heads: four},
		"fpn biases":              {Detector: rcnn.FPN, Arch: "resnet18", Classes: 2, Heads: rcnn.TwoFC, Masks: true},
	} {
		tensortest.Run(t, func() {
			o.Width = 0.0625
			m, err := rcnn.New(o, 5)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Free()
			for i, e := range m.State {
				if !strings.HasSuffix(e.Name, counters) {
					e.Tensor.Detach().Fill_(float64(i) / 1000)
				}
			}
			path := written(t, statedict.Of(m.State, ""), checkpoint.Item{Key: "iteration", Value: 99})
			f, err := Open(path)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if f.Iteration != 100 || f.Config != nil || f.Classes != nil {
				t.Errorf("%s: iteration %d, options %v, classes %v", name, f.Iteration, f.Config, f.Classes)
			}
			file, err := encoders.Open(path, "")
			if err != nil {
				t.Fatal(err)
			}
			e, err := file.EncoderAt("", false)
			if n := BesidesEncoder(file); err != nil || n < 6 || n != len(m.State)-len(e.Tensors) {
				t.Errorf("%s: %d of %d tensors besides the encoder: %v", name, n, len(m.State), err)
			}
			other, err := rcnn.New(f.Options, 6)
			if err != nil {
				t.Fatalf("%s: recognized as %+v: %v", name, f.Options, err)
			}
			defer other.Free()
			if err := f.Load(other.State); err != nil {
				t.Fatalf("%s: recognized as %+v: %v", name, f.Options, err)
			}
			if len(m.State) != len(other.State) {
				t.Errorf("%s: recognized as %+v with %d tensors, want %d", name, f.Options, len(other.State), len(m.State))
			}
			for i, e := range other.State {
				if e.Name != m.State[i].Name || !slices.Equal(e.Tensor.Bytes(), m.State[i].Tensor.Bytes()) {
					t.Errorf("%s: %s differs", name, e.Name)
				}
			}
		})
	}
}

// Files without a detector, and those in Caffe2's layout, are refused in a sentence.
func TestOpenRefuses(t *testing.T) {
	tensortest.Run(t, func() {
		encoder, err := nn.New(nn.Config{Arch: "resnet18", Width: 0.0625, Stem: "imagenet", Modal: "RGB"}, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer encoder.Free()
		_, err = Open(written(t, statedict.Of(encoder.State, "")))
		if err == nil || !strings.Contains(err.Error(), "want a detector") {
			t.Errorf("an encoder: %v", err)
		}
		m, err := rcnn.New(rcnn.Options{Arch: "resnet50", Width: 0.0625, Classes: 2}, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Free()
		d := append(statedict.Of(m.State, ""), checkpoint.Item{Key: "pixel_std", Value: checkpoint.FromFloat32([]float32{1, 1, 1}, 3, 1, 1)})
		if _, err = Open(written(t, d)); err == nil || !strings.Contains(err.Error(), "Caffe2") {
			t.Errorf("Caffe2's weights: %v", err)
		}
	})
}

// A detector of another number of anchors than usual opens if its record has them, and is refused
// without: their sizes are not in the weights.
func TestOpenAnchors(t *testing.T) {
	tensortest.Run(t, func() {
		o := rcnn.Options{Detector: rcnn.C4, Arch: "resnet50", Width: 0.0625, Classes: 2, AnchorSizes: []float64{8, 16, 32}}
		m, err := rcnn.New(o, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Free()
		record := checkpoint.Encode(rundir.CheckpointRecord{Version: 1, Config: map[string]string{"anchors": "8,16,32"}})
		f, err := Open(written(t, statedict.Of(m.State, ""), checkpoint.Item{Key: "contralens", Value: record}))
		if err != nil || f.Config["anchors"] != "8,16,32" {
			t.Fatalf("with a record: %v", err)
		}
		o = f.Options
		o.AnchorSizes = []float64{8, 16, 32}
		other, err := rcnn.New(o, 2)
		if err != nil {
			t.Fatal(err)
		}
		defer other.Free()
		if err := f.Load(other.State); err != nil {
			t.Errorf("its weights: %v", err)
		}
		_, err = Open(written(t, statedict.Of(m.State, "")))
		if err == nil || !strings.Contains(err.Error(), "want 15 anchors at each place, of 5 sizes and 3 ratios, got 9") {
			t.Errorf("without a record: %v", err)
		}
	})
}

// The backbone of a detector gets the weights of an encoder, or of another detector, and
// nothing else changes.
func TestLoadEncoder(t *testing.T) {
	tensortest.Run(t, func() {
		net := nn.Config{Arch: "resnet50", Width: 0.0625, Stem: "imagenet", Modal: "RGB", Head: "mlp", FeatDim: 8}
		encoder, err := nn.New(net, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer encoder.Free()
		path := written(t, statedict.Of(encoder.State, "module."))
		for _, detector := range []string{rcnn.C4, rcnn.FPN} {
			m, err := rcnn.New(rcnn.Options{Detector: detector, Arch: "resnet50", Width: 0.0625, Classes: 2, ExtraNorm: true}, 2)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Free()
			untouched := map[string][]byte{}
			for _, e := range m.State {
				untouched[e.Name] = e.Tensor.Bytes()
			}
			load := func(path string) {
				file, err := encoders.Open(path, "")
				if err != nil {
					t.Fatal(err)
				}
				found, err := file.Encoder(false)
				if err != nil {
					t.Fatal(err)
				}
				if err := LoadEncoder(found, m.State); err != nil {
					t.Fatal(err)
				}
			}
			load(path)
			same, inBody := 0, map[string]nn.Entry{}
			for _, e := range body(m.State) {
				inBody[e.Name] = e
			}
			for _, e := range encoder.State {
				rest, ok := strings.CutPrefix(e.Name, "encoder.")
				if !ok {
					continue
				}
				got := inBody[backbone.Detectron2Name(rest)]
				if got.Tensor == nil || !slices.Equal(got.Tensor.Bytes(), e.Tensor.Bytes()) {
					t.Errorf("%s: %s was not loaded", detector, e.Name)
				}
				same++
			}
			if same != len(inBody) || same < 300 {
				t.Errorf("%s: %d tensors of the encoder, %d in the body", detector, same, len(inBody))
			}
			for _, e := range m.State {
				if strings.HasPrefix(e.Name, "proposal_generator") && !slices.Equal(untouched[e.Name], e.Tensor.Bytes()) {
					t.Errorf("%s: %s changed", detector, e.Name)
				}
			}
			load(written(t, statedict.Of(m.State, ""))) // a detector as the encoder
		}
	})
}

// The files of Detectron2, by the names and shapes that it recorded: all tensors find a place, and
// ours have no others. Old files also have anchors and colors, and frozen norms have no counters.
func TestDetectron2Names(t *testing.T) {
	for _, name := range []string{"c4", "fpn"} {
		var meta struct {
			State map[string][]int `json:"state_dict"`
		}
		golden.JSON(t, &meta, "detection", "model", name, "meta.json")
		tensortest.Run(t, func() {
			for _, counted := range []bool{true, false} {
				var d checkpoint.OrderedDict
				for _, name := range slices.Sorted(maps.Keys(meta.State)) {
					n := 1
					for _, s := range meta.State[name] {
						n *= s
					}
					tensor := checkpoint.FromFloat32(make([]float32, n), meta.State[name]...)
					if strings.HasSuffix(name, counters) {
						tensor.Dtype, tensor.Data = "int64", make([]byte, 8)
						if !counted {
							continue
						}
					}
					d = append(d, checkpoint.Item{Key: name, Value: tensor})
				}
				d = append(d, checkpoint.Item{Key: "pixel_std", Value: checkpoint.FromFloat32([]float32{58.395, 57.12, 57.375}, 3, 1, 1)},
					checkpoint.Item{Key: "proposal_generator.anchor_generator.cell_anchors.0", Value: checkpoint.FromFloat32(make([]float32, 60), 15, 4)})
				f, err := Open(written(t, d))
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if f.Options.Detector != name || f.Options.Classes != 3 || f.Options.Arch != "resnet50" || !f.Options.Masks {
					t.Errorf("%s: recognized as %+v", name, f.Options)
				}
				m, err := rcnn.New(f.Options, 1)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if err := f.Load(m.State); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if got := m.State.Shapes(); len(got) != len(meta.State) {
					t.Errorf("%s: %d tensors, want %d", name, len(got), len(meta.State))
				}
				m.Free()
			}
		})
	}
}
