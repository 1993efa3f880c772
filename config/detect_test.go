package config

import (
	"slices"
	"strings"
	"testing"
)

// Options of detect train that cannot work are refused with the option's name, and those that
// work against each other bring a note.
func TestDetectTrain(t *testing.T) {
	for name, c := range map[string]struct {
		set  map[string]string
		want string // of the error, or of a note
		err  bool
	}{
		"defaults":      {nil, "", false},
		"fpn":           {map[string]string{"detector": "fpn"}, "", false},
		"detector":      {map[string]string{"detector": "yolo"}, "--detector: want c4 or fpn", true},
		"sizes of fpn":  {map[string]string{"detector": "fpn", "anchors": "32,64"}, "--anchors: want five sizes", true},
		"sizes falling": {map[string]string{"anchors": "64,32"}, "--anchors: want numbers above 0 that increase", true},
		"top-k":         {map[string]string{"topk_train": "5"}, "--topk_train: want two numbers", true},
		"no side":       {map[string]string{"short": ""}, "--short: want at least one side", true},
		"tiny side":     {map[string]string{"short": "8,800"}, "--short: want a whole number of at least 32, got 8", true},
		"steps falling": {map[string]string{"lr_decay_iterations": "5,3"}, "--lr_decay_iterations: want numbers", true},
		"metric":        {map[string]string{"voc_metric": "12"}, "--voc_metric: want auto, 07 or area", true},
		"gray":          {map[string]string{"gray16": "squash"}, "--gray16: want clip, high or range", true},
		"no checkpoint": {map[string]string{"prefix": "encoder"}, "--prefix: want --ckpt", true},
		"head of fpn":   {map[string]string{"box_head": "4conv1fc"}, "--box_head changes nothing", false},
		"norm of c4":    {map[string]string{"detector": "fpn", "extra_norm": "false"}, "--extra_norm changes nothing", false},
		"freezing more": {map[string]string{"freeze_at": "7"}, "--freeze_at: want a whole number of at most 5", true},
	} {
		d := DefaultDetectTrain()
		for option, value := range c.set {
			if err := Find(Fields(&d), option).Set(value); err != nil {
				t.Fatal(err)
			}
		}
		notes, err := d.Resolve(nil)
		switch {
		case c.err && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: error %v, want %s", name, err, c.want)
		case !c.err && err != nil:
			t.Errorf("%s: %v", name, err)
		case !c.err && c.want == "" && len(notes) > 0, !c.err && !strings.Contains(strings.Join(notes, " "), c.want):
			t.Errorf("%s: notes %q, want %q", name, notes, c.want)
		}
	}
	c4, fpn := DefaultDetectTrain(), DefaultDetectTrain()
	fpn.Detector = "fpn"
	must2(t, &c4, &fpn)
	if !slices.Equal(c4.TopTrain, []int{12000, 2000}) || !slices.Equal(fpn.TopTest, []int{1000, 1000}) {
		t.Errorf("proposals of c4 %v, of fpn %v", c4.TopTrain, fpn.TopTest)
	}
}

func must2(t *testing.T, all ...*DetectTrain) {
	t.Helper()
	for _, c := range all {
		if _, err := c.Resolve(nil); err != nil {
			t.Fatal(err)
		}
	}
}

// The name of a run says how it differs from the usual one. What is automatic is not named.
func TestDetectRunName(t *testing.T) {
	c := DefaultDetectTrain()
	c.Ckpt = "save/mine/current.pth"
	must2(t, &c)
	if got := c.RunName().Name; got != "mine_detect" {
		t.Errorf("name %s, want mine_detect", got)
	}
	c.Ckpt, c.TopTrain, c.TopTest, c.Seed = "", nil, nil, 3
	c.Detector, c.BatchSize = "fpn", 4
	must2(t, &c)
	if got := c.RunName().Name; got != "Scratch_detect_detector-fpn_batch_size-4_seed-3" {
		t.Errorf("name %s", got)
	}
}
