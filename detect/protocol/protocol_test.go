package protocol

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image/png"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contralens/checkpoint"
	"contralens/checkpoint/weights"
	"contralens/config"
	"contralens/detect/detecttest"
	"contralens/nn"
	"contralens/rundir"
	"contralens/statedict"
	"contralens/torch"
)

// scenes writes pictures in VOC's layout and in COCO's to folders.
func scenes(t *testing.T, n int) (voc, coco string) {
	t.Helper()
	voc, coco = t.TempDir(), t.TempDir()
	all := detecttest.Scenes(n, 72, 56, 5)
	detecttest.Write(voc, detecttest.VOC(all))
	detecttest.Write(coco, detecttest.COCO(all))
	return voc, coco
}

// tiny are the options of a training that takes a second.
func tiny(data, name string) config.DetectTrain {
	c := config.DefaultDetectTrain()
	c.DataFolder, c.Name, c.Detector, c.Arch, c.Width = data, name, "fpn", "resnet18", 0.125
	c.Sizes, c.Short, c.TestShort, c.MaxSide = []int{8, 16, 24, 32, 48}, []int{56, 64}, 64, 128
	c.RoIs, c.Anchors, c.TopTrain, c.TopTest = 32, 64, []int{100, 50}, []int{100, 50}
	c.BatchSize, c.ScheduleBatch, c.LearningRate, c.Iterations, c.Warmup = 4, 0, 0.02, 20, 5
	c.Steps, c.PreciseBN, c.EvalEvery, c.SaveEvery, c.Threads, c.PrintFreq = []int{16}, 3, 10, 4, 1, 5
	return c
}

func resolve(t *testing.T, c *config.DetectTrain) {
	t.Helper()
	if _, err := c.Resolve(nil); err != nil {
		t.Fatal(err)
	}
}

// tensors returns the tensors of a checkpoint by group and name.
func tensors(t *testing.T, path string) map[string][]byte {
	t.Helper()
	f, err := weights.Open(path, "")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for _, g := range f.Groups() {
		for _, i := range g.Tensors {
			all[g.Path+" "+i.Key.(string)] = i.Value.(*checkpoint.Tensor).Data
		}
	}
	return all
}

// A detector learns, resumes exactly, and is tested again with the same result by its
// checkpoint alone. What it finds in a picture is drawn.
func TestTrainEvalPredict(t *testing.T) {
	voc, _ := scenes(t, 8)
	t.Chdir(t.TempDir())
	ctx := context.Background()
	c := tiny(voc, "whole")
	c.Iterations, c.Steps, c.EvalEvery, c.PrintFreq, c.LearningRate = 150, []int{120}, 75, 50, 0.05
	c.TestSplit = "trainval" // what it learned, not how it generalizes
	resolve(t, &c)
	want, err := Train(ctx, c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if ap := want.Metrics["AP50"].(float64); ap < 40 {
		t.Errorf("AP50 %.1f on the images that it learned from", ap)
	}
	losses := lossesOf(t, "save/whole")
	if first, last := losses[0], losses[len(losses)-1]; len(losses) != 3 || !(last < first) {
		t.Errorf("losses %v, want three that fall", losses)
	}
	if results, err := rundir.ReadResults("save/whole"); err != nil || len(results) != 2 || results[1].Metrics["iteration"] != 150.0 {
		t.Errorf("results %+v, %v, want tests after 75 and 150 iterations", results, err)
	}

	// Stopped after the first iteration, then resumed.
	c.Name = "parts"
	resolve(t, &c)
	stopping, stop := context.WithCancel(ctx)
	if _, err := Train(stopping, c, Options{Begin: stop}); !errors.Is(err, ErrStopped) {
		t.Fatalf("stopped: %v", err)
	}
	c.Resume = "auto"
	got, err := Train(ctx, c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	a, b := tensors(t, "save/whole/current.pth"), tensors(t, "save/parts/current.pth")
	for name := range a {
		if !slices.Equal(a[name], b[name]) {
			t.Errorf("resumed, %s differs", name)
		}
	}
	if len(a) < 100 || !equal(t, got.Metrics, want.Metrics) {
		t.Errorf("%d tensors, and resumed the result is %v, want %v", len(a), got.Metrics, want.Metrics)
	}

	e := config.DefaultDetectEval()
	e.Ckpt, e.Out, e.Threads = "save/whole/current.pth", "report", 1
	if _, err := e.Resolve(nil); err != nil {
		t.Fatal(err)
	}
	again, err := Eval(ctx, e, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"AP", "AP50", "AP75"} {
		if v, ok := again.Metrics[name].(float64); !ok || v != want.Metrics[name] {
			t.Errorf("%s is %v, after training it was %v", name, again.Metrics[name], want.Metrics[name])
		}
	}
	for _, name := range []string{
		"detections.json", "result.txt", "misses.png", "precision_boxes_50.png", "precision_boxes_75.png", "comp4_det_test_square.txt",
	} {
		if info, err := os.Stat(filepath.Join("report", name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	judged := config.DefaultDetectEval()
	judged.Found, judged.DataFolder, judged.TestSplit = "report/detections.json", voc, "trainval"
	if _, err := judged.Resolve(nil); err != nil {
		t.Fatal(err)
	}
	file, err := Eval(ctx, judged, Options{})
	if err != nil || math.Abs(file.Metrics["AP"].(float64)-again.Metrics["AP"].(float64)) > 1e-9 {
		t.Errorf("the file of detections has AP %v, want %v: %v", file.Metrics["AP"], again.Metrics["AP"], err)
	}
	predicted(t, voc)
}

// predicted checks what predict leaves of a picture.
func predicted(t *testing.T, voc string) {
	t.Helper()
	p := config.DefaultDetectPredict()
	p.Ckpt, p.Threads, p.MinScore, p.Out = "save/whole/current.pth", 1, 0.1, "one.png"
	photo := filepath.Join(voc, "JPEGImages", "001.png")
	if files, _ := filepath.Glob(filepath.Join(voc, "JPEGImages", "*")); len(files) > 0 {
		photo = files[0]
	}
	var found []Found
	err := Predict(context.Background(), p, []string{photo}, Options{}, func(f Found) error { found = append(found, f); return nil })
	if err != nil || len(found) != 1 || found[0].Width != 72 || found[0].Height != 56 {
		t.Fatalf("found %+v: %v", found, err)
	}
	for _, o := range found[0].Objects {
		if b := o.Box; b[0] < 0 || b[1] < 0 || b[2] > 72 || b[3] > 56 || b[2] <= b[0] || o.Score <= 0.05 || o.Class == "" {
			t.Errorf("an object %+v of a picture of 72 x 56", o)
		}
	}
	f, err := os.Open("one.png")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if m, err := png.Decode(f); err != nil || m.Bounds().Dx() < 72 {
		t.Errorf("the picture: %v", err)
	}
	var file Found
	text, err := os.ReadFile("one.json")
	if err == nil {
		err = json.Unmarshal(text, &file)
	}
	if err != nil || len(file.Objects) != len(found[0].Objects) {
		t.Errorf("the JSON has %d objects, want %d: %v", len(file.Objects), len(found[0].Objects), err)
	}
}

func lossesOf(t *testing.T, dir string) (all []float64) {
	t.Helper()
	for _, m := range rundir.LastMetrics(os.DirFS(dir).(fs.StatFS)) {
		if m.Loss != nil {
			all = append(all, *m.Loss)
		}
		if m.DetectionMetrics != nil && m.Loss != nil && (m.ClassLoss == nil || m.AnchorLoss == nil || m.Foreground == nil) {
			t.Errorf("a line without the terms: %+v", m)
		}
	}
	return all
}

// equal compares metrics as JSON, so that NaN would be an error.
func equal(t *testing.T, a, b map[string]any) bool {
	t.Helper()
	x, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(x) == string(y)
}

// Mask R-CNN C4 trains on an encoder's checkpoint and on COCO's annotations.
func TestMasksOnEncoder(t *testing.T) {
	_, coco := scenes(t, 8)
	t.Chdir(t.TempDir())
	if err := torch.Run(func() error {
		m, err := nn.New(nn.Config{Arch: "resnet50", Width: 0.0625, Stem: "imagenet", Modal: "RGB"}, 3)
		if err != nil {
			return err
		}
		defer m.Free()
		return checkpoint.Write("encoder.pth", checkpoint.Dict{{Key: "state_dict", Value: statedict.Of(m.State, "")}})
	}); err != nil {
		t.Fatal(err)
	}
	c := tiny(coco, "masks")
	c.Detector, c.Masks, c.Ckpt, c.Iterations, c.Steps, c.EvalEvery = "c4", true, "encoder.pth", 3, nil, 0
	c.TestSplit, c.TrainSplit, c.BatchSize, c.PreciseBN = "test", "train", 2, 2
	c.Norm, c.FreezeAt = "frozen", 2
	resolve(t, &c)
	r, err := Train(context.Background(), c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := r.Metrics["mask_AP"].(float64); !ok || r.Protocol != rundir.DetectCOCO || r.CheckpointSHA256 == "" {
		t.Errorf("result %+v, want AP of masks by COCO's rules", r)
	}
	before, after := tensors(t, "encoder.pth"), tensors(t, "save/masks/current.pth")
	if !slices.Equal(before["state_dict encoder.layer1.0.conv1.weight"], after["model backbone.res2.0.conv1.weight"]) {
		t.Error("a frozen stage of the encoder has changed, or was not loaded")
	}
	if slices.Equal(before["state_dict encoder.layer2.0.conv1.weight"], after["model backbone.res3.0.conv1.weight"]) {
		t.Error("a stage that trains has not changed")
	}

	// Masks cannot be judged if an object to test on has none. That is known before the test.
	file := filepath.Join(coco, "annotations", "instances_test.json")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.LastIndex(b, []byte(`"segmentation":[[`)) + len(`"segmentation":[`)
	b = append(b[:at], b[at+bytes.Index(b[at:], []byte("]]"))+1:]...)
	detecttest.Write(coco, map[string][]byte{"annotations/instances_test.json": b})
	_, _, opened := openTraining(context.Background(), &c, Options{Note: func(string) {}})
	e := config.DefaultDetectEval()
	e.Ckpt, e.Threads = "save/masks/current.pth", 1
	_, tested := Eval(context.Background(), e, Options{})
	for _, err := range []error{opened, tested} {
		if err == nil || !strings.Contains(err.Error(), "want a segmentation for every object to test masks") {
			t.Errorf("an object without a segmentation: %v", err)
		}
	}
}

// Mistakes are sentences, and leave no run directory.
func TestMistakes(t *testing.T) {
	voc, _ := scenes(t, 4)
	t.Chdir(t.TempDir())
	if err := torch.Run(func() error {
		m, err := nn.New(nn.Config{Arch: "resnet18", Width: 0.125, Stem: "cifar", Modal: "RGB"}, 3)
		if err != nil {
			return err
		}
		defer m.Free()
		all := statedict.Of(m.State, "")
		if err := checkpoint.Write("cifar.pth", checkpoint.Dict{{Key: "state_dict", Value: all}}); err != nil {
			return err
		}
		all = append(all, checkpoint.Item{Key: "encoder.neck.weight", Value: all[0].Value})
		return checkpoint.Write("more.pth", checkpoint.Dict{{Key: "state_dict", Value: all}})
	}); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(c *config.DetectTrain){
		"want an encoder with the stem of ImageNet": func(c *config.DetectTrain) { c.Ckpt = "cifar.pth" },
		"does not exist":                       func(c *config.DetectTrain) { c.Ckpt = "none.pth" },
		"none":                                 func(c *config.DetectTrain) { c.DataFolder = "none" },
		"--masks: want annotations with masks": func(c *config.DetectTrain) { c.Masks = true },
		"want objects of cat, dog in":          func(c *config.DetectTrain) { c.Classes = "cat,dog" },
		"--strict: want nothing in more.pth":   func(c *config.DetectTrain) { c.Ckpt, c.Strict = "more.pth", true },
	} {
		c := tiny(voc, "wrong")
		change(&c)
		resolve(t, &c)
		_, err := Train(context.Background(), c, Options{})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "goroutine") {
			t.Errorf("error %v, want %s", err, want)
		}
		if _, err := os.Stat("save/wrong"); err == nil {
			t.Errorf("%s: a run directory was made", want)
		}
	}
}
