package protocol

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/config"
	"contralens/detect"
	"contralens/detect/detecttest"
	"contralens/detect/draw"
	"contralens/detect/rcnn"
	"contralens/detect/score"
	"contralens/setup"
	"contralens/world"
)

// scans writes pictures of 16-bit gray in VOC's layout to a folder.
func scans(t *testing.T) string {
	t.Helper()
	files := detecttest.VOC(detecttest.Scenes(4, 72, 56, 5))
	for name, b := range files {
		if filepath.Ext(name) != ".png" {
			continue
		}
		from, err := png.Decode(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		gray := image.NewGray16(from.Bounds())
		for y := range gray.Rect.Max.Y {
			for x := range gray.Rect.Max.X {
				gray.Set(x, y, from.At(x, y))
			}
		}
		var out bytes.Buffer
		if err := png.Encode(&out, gray); err != nil {
			t.Fatal(err)
		}
		files[name] = out.Bytes()
	}
	dir := t.TempDir()
	detecttest.Write(dir, files)
	return dir
}

// picture reads a PNG file.
func picture(t *testing.T, path string) image.Image {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// whites returns the share of white pixels of a picture.
func whites(t *testing.T, path string) float64 {
	t.Helper()
	m := picture(t, path)
	n := 0
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			if color.NRGBAModel.Convert(m.At(x, y)) == (color.NRGBA{255, 255, 255, 255}) {
				n++
			}
		}
	}
	return float64(n) / float64(m.Bounds().Dx()*m.Bounds().Dy())
}

// The option for 16-bit gray decides about the images of a training and of its tests, and of
// those who use its detector: they take it from the record.
func TestGray16(t *testing.T) {
	data := scans(t)
	t.Chdir(t.TempDir())
	first := map[string]float64{}
	for _, how := range []string{"clip", "range"} {
		c := tiny(data, how)
		c.Gray16, c.Iterations, c.Steps, c.PreciseBN, c.EvalEvery, c.PrintFreq = how, 2, nil, 1, 0, 1
		resolve(t, &c)
		if _, err := Train(context.Background(), c, Options{}); err != nil {
			t.Fatal(err)
		}
		first[how] = lossesOf(t, "save/"+how)[0]

		p := config.DefaultDetectPredict()
		p.Ckpt, p.Threads, p.MinScore, p.Out = "save/"+how+"/current.pth", 1, 1, how+".png"
		photo := filepath.Join(data, "JPEGImages", "001.png")
		if err := Predict(context.Background(), p, []string{photo}, Options{}, func(Found) error { return nil }); err != nil {
			t.Fatal(err)
		}
		e := config.DefaultDetectEval()
		e.Ckpt, e.Out, e.Threads, e.MinScore = p.Ckpt, "report-"+how, 1, 1
		if _, err := Eval(context.Background(), e, Options{}); err != nil {
			t.Fatal(err)
		}
		for _, picture := range []string{p.Out, filepath.Join(e.Out, missesFile)} {
			if share := whites(t, picture); (share > 0.8) != (how == "clip") {
				t.Errorf("--gray16 %s: %.0f %% of %s are white", how, 100*share, picture)
			}
		}
	}
	if first["clip"] == first["range"] {
		t.Errorf("the first losses %v do not depend on --gray16", first)
	}
}

// What changes nothing, and what makes a test worth less, is said.
func TestDataNotes(t *testing.T) {
	voc, coco := scenes(t, 8)
	for want, change := range map[string]func(c *config.DetectTrain){
		"6 of the 6 images": func(c *config.DetectTrain) { c.TestSplit = "trainval" },
		"2 of the 2 images": func(c *config.DetectTrain) { c.TrainSplit = "train+test" },
		"--voc_metric changes nothing": func(c *config.DetectTrain) {
			c.DataFolder, c.VOCMetric = coco, "07"
		},
		"": func(*config.DetectTrain) {},
	} {
		c := tiny(voc, "notes")
		change(&c)
		var notes []string
		o := Options{Note: func(s string) { notes = append(notes, s) }}
		if _, _, err := openTraining(context.Background(), &c, o); err != nil {
			t.Errorf("%s: %v", want, err)
		}
		if got := strings.Join(notes, "; "); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("notes %q, want %q", got, want)
		}
	}
}

// Batches measure the statistics of norms, unless all norms are constants.
func TestPreciseBN(t *testing.T) {
	voc, _ := scenes(t, 8)
	for name, c := range map[string]struct {
		detector, norm, head string
		extra                bool
		want                 int
	}{
		"fpn":                       {"fpn", "bn", "2fc", true, 3},
		"fpn, frozen":               {"fpn", "frozen", "2fc", true, 0},
		"fpn, frozen, norm in head": {"fpn", "frozen", "4conv1fc", true, 3},
		"c4, frozen":                {"c4", "frozen", "2fc", true, 3},
		"c4, frozen, no extra norm": {"c4", "frozen", "2fc", false, 0},
	} {
		o := tiny(voc, "norms")
		o.Detector, o.Norm, o.BoxHead, o.ExtraNorm = c.detector, c.norm, c.head, c.extra
		run := &training{Options: Options{Note: func(string) {}}, c: &o}
		err := setup.Compute(1, func() error {
			r, err := run.build(context.Background())
			if err != nil {
				return err
			}
			defer run.model.Free()
			defer r.Optimizer.Free()
			if r.PreciseBN != c.want {
				t.Errorf("%s: %d batches measure the norms, want %d", name, r.PreciseBN, c.want)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Norms that learn from few images at a time are noted, as many as a process normalizes.
func TestNoteOfSmallBatches(t *testing.T) {
	for name, c := range map[string]struct {
		processes, batch int
		sync             bool
		norm, want       string
	}{
		"one process":      {1, 2, false, "bn", "from 2 images at a time, which makes training noisy; give --batch_size 4 or more"},
		"enough":           {1, 4, false, "bn", ""},
		"frozen":           {1, 1, false, "frozen", ""},
		"eight processes":  {8, 16, false, "bn", "from 2 images at a time, which makes training noisy; give --batch_size 32 or more"},
		"each has enough":  {8, 32, false, "bn", ""},
		"together":         {8, 16, true, "bn", ""},
		"together too few": {2, 2, true, "bn", "from 2 images at a time"},
	} {
		o := config.DefaultDetectTrain()
		o.BatchSize, o.SyncBN, o.Norm = c.batch, c.sync, c.norm
		var notes []string
		run := &training{
			Options: Options{Note: func(s string) { notes = append(notes, s) }}, c: &o, world: world.World{Size: c.processes},
			model: &detector{Model: &rcnn.Model{}},
		}
		run.noteNorms()
		if said := strings.Join(notes, "; "); !strings.Contains(said, c.want) ||
			strings.Contains(said, "noisy") != (c.want != "") {
			t.Errorf("%s: notes %q, want %q", name, said, c.want)
		}
	}
}

// A class has the same color in the curves of precision as in pictures.
func TestCurveColors(t *testing.T) {
	dir := t.TempDir()
	r := &score.Result{}
	for _, class := range []string{"a", "b", "c", "d"} {
		r.Curves = append(r.Curves, score.Curve{Class: class, IoU: 0.5, Recall: []float64{0, 1}, Precision: []float64{1, 0}})
		r.Curves[len(r.Curves)-1].Precision[1] = 0.2 * float64(len(r.Curves))
	}
	if err := writeCurves(dir, "boxes", r); err != nil {
		t.Fatal(err)
	}
	m := picture(t, filepath.Join(dir, "precision_boxes_50.png"))
	count := map[color.RGBA]int{}
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			count[color.RGBAModel.Convert(m.At(x, y)).(color.RGBA)]++
		}
	}
	for class := range r.Curves {
		if n := count[draw.Color(class)]; n < 100 {
			t.Errorf("class %d: %d pixels of its color in the curves", class, n)
		}
	}
}

// A sheet of misses of an earlier test does not stay when there are none.
func TestNoMisses(t *testing.T) {
	path := filepath.Join(t.TempDir(), missesFile)
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	e := &evaluation{c: &config.DetectEval{Misses: 12}, set: &detect.Set{}}
	for range 2 {
		if err := e.sheet(context.Background(), path, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the sheet of an earlier test is still there")
	}
}
