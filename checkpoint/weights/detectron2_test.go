package weights

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"contralens/checkpoint"
	"contralens/nn"
	"contralens/nn/backbone"
)

// bottlenecks is a narrow network with bottlenecks.
var bottlenecks = nn.Config{Arch: "resnet50", Width: 0.0625, Stem: "imagenet", Modal: "RGB"}

// TestDetectorAsEncoder finds the encoder in files of Detectron2's detectors, whose parts
// are under several prefixes.
func TestDetectorAsEncoder(t *testing.T) {
	within(t, func() {
		query := state(t, bottlenecks, 1)
		c4 := func(outer string) dict {
			return dict{renamed(query, func(name string) string {
				rest, ok := strings.CutPrefix(name, "encoder.")
				if !ok {
					return ""
				}
				if name = backbone.Detectron2Name(rest); strings.HasPrefix(name, "res5.") {
					return outer + "roi_heads." + name
				}
				return outer + "backbone." + name
			})}.norm(outer+"roi_heads.res5.norm", 128).with(outer+"roi_heads.box_predictor.cls_score.weight", 4, 128).
				with(outer+"proposal_generator.rpn_head.conv.weight", 64, 64, 3, 3)
		}
		fpn := dict{renamed(query, detectron)}.with("backbone.fpn_lateral2.weight", 16, 16, 1, 1).
			with("roi_heads.box_head.fc1.weight", 16, 784)
		for name, d := range map[string]dict{"C4": c4(""), "wrapped C4": c4("module."), "FPN": fpn} {
			f := &File{Path: name, Tree: under("model", d)}
			e, err := f.Encoder(false)
			if err != nil {
				t.Fatal(err)
			}
			if c, err := e.Network(); err != nil || c != bottlenecks {
				t.Errorf("%s: network %+v, want %+v: %v", name, c, bottlenecks, err)
			}
			if len(e.Unplaced) > 0 {
				t.Errorf("%s: not placed: %v", name, e.Unplaced)
			}
			for _, i := range query {
				if ours := i.Key.(string); strings.HasPrefix(ours, "encoder.") && !reflect.DeepEqual(e.Tensors[ours], i.Value) {
					t.Errorf("%s: %s differs", name, ours)
				}
			}
			if got := e.Sources["encoder.layer4.0.conv1.weight"]; name == "wrapped C4" && got != "module.roi_heads.res5.0.conv1.weight" {
				t.Errorf("layer4 comes from %s", got)
			}
		}
	})
}

// TestDetectron2YAML: the configurations are complete, and what Detectron2 cannot build is
// refused before anything is written.
func TestDetectron2YAML(t *testing.T) {
	within(t, func() {
		encoder := func(c nn.Config) *Encoder {
			e, err := (&File{Tree: checkpoint.Dict{{Key: "model", Value: state(t, c, 4)}}}).Encoder(false)
			if err != nil {
				t.Fatal(err)
			}
			return e
		}
		e := encoder(bottlenecks)
		for detector, want := range map[string]map[string]any{
			"": {"MODEL.RESNETS.DEPTH": 50, "MODEL.RESNETS.NORM": "SyncBN", "MODEL.BACKBONE.FREEZE_AT": 0, "VERSION": 2},
			C4: {
				"MODEL.RESNETS.DEPTH": 50, "MODEL.RESNETS.RES2_OUT_CHANNELS": 16, "MODEL.RESNETS.OUT_FEATURES": []any{"res4"},
				"MODEL.ROI_HEADS.NAME": "Res5ROIHeadsExtraNorm", "TEST.PRECISE_BN.ENABLED": true, "SOLVER.MAX_ITER": 24000,
				"MODEL.ROI_HEADS.NUM_CLASSES": 20, "VERSION": 2,
			},
			FPN: {
				"MODEL.FPN.NORM": "SyncBN", "MODEL.ROI_HEADS.NAME": "StandardROIHeads", "TEST.PRECISE_BN.ENABLED": true,
				"MODEL.MASK_ON": true, "SOLVER.MAX_ITER": 90000, "VERSION": 2,
			},
		} {
			files, err := e.Save(filepath.Join(t.TempDir(), "x.pkl"), bottlenecks, SaveOptions{Detector: detector})
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(files[1])
			if err != nil {
				t.Fatal(err)
			}
			var doc map[string]any
			if err := yaml.Unmarshal(text, &doc); err != nil {
				t.Fatalf("%s: %v", detector, err)
			}
			for path, value := range want {
				if got := at(doc, path); !equal(got, value) {
					t.Errorf("detector %q: %s is %v, want %v", detector, path, got, value)
				}
			}
			if weights := at(doc, "MODEL.WEIGHTS"); weights != files[0] {
				t.Errorf("weights are %v, want %s", weights, files[0])
			}
		}
		full := small
		full.Width = 1
		for _, c := range []struct {
			net                  nn.Config
			detector, file, want string
		}{
			{small, FPN, "x.pkl", "needs 64 channels in its first stage, got resnet18 with 4"},
			{full, C4, "x.pkl", "want a network with bottlenecks for c4"},
			{bottlenecks, "yolo", "x.pkl", `want c4 or fpn, got "yolo"`},
			{bottlenecks, C4, "x.pth", "want a file in Detectron2's format"},
		} {
			path := filepath.Join(t.TempDir(), c.file)
			_, err := encoder(c.net).Save(path, c.net, SaveOptions{Detector: c.detector})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s for %s: error %v, want %s", c.detector, c.net.Arch, err, c.want)
			}
			if _, err := os.Stat(path); err == nil {
				t.Errorf("%s for %s: a file was written", c.detector, c.net.Arch)
			}
		}
	})
}

// at returns the value at a path such as MODEL.WEIGHTS.
func at(doc map[string]any, path string) any {
	for {
		key, rest, more := strings.Cut(path, ".")
		if !more {
			return doc[key]
		}
		doc, _ = doc[key].(map[string]any)
		path = rest
	}
}

func equal(a, b any) bool {
	x, ok := a.([]any)
	y, both := b.([]any)
	if ok || both {
		return slices.Equal(x, y)
	}
	return a == b
}
