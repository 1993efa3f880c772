package look

import (
	"context"
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"contralens/checkpoint"
	"contralens/config"
	"contralens/data/datatest"
	"contralens/nn"
	"contralens/profile"
	"contralens/statedict"
	"contralens/torch"
)

// A look finds what is in a folder, and the page and the summary say so.
func TestLook(t *testing.T) {
	dir := messy(t)
	r := lookAt(t, dir, Options{Now: still, Measure: measured})
	if n := len(r.Splits); n != 2 || r.Splits[0].Images != 19 || r.Splits[0].Broken != 1 || r.Splits[1].Images != 17 {
		t.Errorf("splits %+v", r.Splits)
	}
	if len(r.Broken) != 1 || filepath.Base(r.Broken[0].Path) != "cut.png" || r.Broken[0].Why == "" {
		t.Errorf("broken %+v", r.Broken)
	}
	d := r.Duplicates
	if d.Exact != 1 || d.Near != 1 || d.Leaks != 1 || d.Labels != 1 || d.Surplus != 2 || d.Blank != 1 {
		t.Errorf("duplicates %+v", d)
	}
	if g := d.Groups[0]; !g.Leak || g.Exact || len(g.Images) != 2 || filepath.Base(g.Images[1].Path) != "small.jpg" {
		t.Errorf("the leak comes first, got %+v", g)
	}
	if len(r.Views.Rows) != viewRows || len(r.Views.Columns) != 7 || len(r.Views.Rows[0].Views) != 7 {
		t.Errorf("%d rows of views %v", len(r.Views.Rows), r.Views.Columns)
	}
	if n := r.Neighbors; n.Failed != "" || len(n.Queries) != queries || len(n.Queries[0].Found) != nearest || n.Images != 35 || n.Shown != 30 {
		t.Errorf("neighbors %+v", n)
	}
	if c := r.Cost; c.Rate != 2 || c.Epoch != 9500*time.Millisecond || c.Whole != time.Duration(r.Advice.Config.Epochs)*c.Epoch {
		t.Errorf("cost %+v", c)
	}
	if len(r.Cuts) > 0 {
		t.Errorf("cut short: %v", r.Cuts)
	}
	page := pageOf(t, r)
	for _, want := range []string{
		"36</b> images", "train/cat/cut.png", "train/<wbr>dog/<wbr>copy.png", "val/<wbr>cat/<wbr>small.jpg", "in several splits", "different classes",
		"the same content", "2 images/s", "105 MB", "--method MoCov2", "its positive", "untrained resnet18", "1 .txt",
		"1 image file cannot be read", "1 group of duplicates with images in several splits", "1 image of one color", "19 images are few", "4 March 2026",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if n := strings.Count(page, "data:image/"); n != 4+5*8+6*6 {
		t.Errorf("%d pictures", n)
	}
	var b strings.Builder
	if err := r.WriteSummary(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"photos: 36 images\n", "2 classes", "train/cat/cut.png: ", "2 groups (1 exact, 1 near)", "2 images/s", "contralens contrast --data_folder"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the summary has no %q:\n%s", want, b.String())
		}
	}
	for _, line := range strings.Split(b.String(), "\n") {
		if len([]rune(line)) > 80 && !strings.Contains(line, dir) {
			t.Errorf("a line of %d columns: %s", len([]rune(line)), line)
		}
	}
}

// The page is one file: it asks for nothing from outside, its links have targets, and its
// ids are unique.
func TestPageAlone(t *testing.T) {
	page := pageOf(t, lookAt(t, messy(t), Options{Now: still, Measure: measured}))
	if len(page) > 3_000_000 {
		t.Errorf("%d bytes", len(page))
	}
	for _, m := range regexp.MustCompile(`(?:src|href|url)[=(]"?([^"\s>)]*)`).FindAllStringSubmatch(page, -1) {
		if !strings.HasPrefix(m[1], "data:image/") && !strings.HasPrefix(m[1], "#") {
			t.Errorf("the page refers to %.60s", m[1])
		}
	}
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if ids[m[1]] {
			t.Errorf("id %s is there twice", m[1])
		}
		ids[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`(?:href="#|aria-labelledby="|data-copy=")([^"]*)`).FindAllStringSubmatch(page, -1) {
		if !ids[m[1]] {
			t.Errorf("nothing has the id %s", m[1])
		}
	}
}

// With the same seed and a clock that stands still, the page is the same, whatever the
// number of workers. Another seed chooses other images.
func TestSeed(t *testing.T) {
	dir := messy(t)
	at := func(seed uint64, workers int) string {
		return pageOf(t, lookAt(t, dir, Options{Now: still, Measure: measured, Seed: seed, Workers: workers}))
	}
	first := at(1, 1)
	if at(1, 4) != first {
		t.Error("the same seed makes another page")
	}
	if at(2, 4) == first {
		t.Error("another seed makes the same page")
	}
}

// When the time is over, the parts that follow do as little as makes sense, and the report
// says what is missing. The clock advances by a second at each look at it.
func TestTime(t *testing.T) {
	dir := flat(t, 3*fewest)
	now := still()
	clock := func() time.Time { now = now.Add(time.Second); return now }
	enough := false
	r := lookAt(t, dir, Options{Now: clock, Workers: 1, Time: time.Second, Measure: func(m Measurement) (*profile.Result, error) {
		enough = m.Enough()
		return &profile.Result{ImagesPerSecond: 1, Steps: 1}, nil
	}})
	if s := r.Splits[0]; s.Seen != fewest || s.Images != 3*fewest || r.Duplicates.Compared < fewest {
		t.Errorf("%d of %d images seen, %d compared", s.Seen, s.Images, r.Duplicates.Compared)
	}
	if !enough || len(r.Views.Rows) != 1 || r.Neighbors.Images != featureBatch {
		t.Errorf("measuring may go on: %v; %d rows of views, neighbors among %d", !enough, len(r.Views.Rows), r.Neighbors.Images)
	}
	said := strings.Join(r.Cuts, "\n")
	for _, want := range []string{"64 of 192 images were looked at", "views of 1 images", "neighbors are searched among 32", "that of 1 training step,"} {
		if !strings.Contains(said, want) {
			t.Errorf("cut without a word: no %q in\n%s", want, said)
		}
	}
	if page := pageOf(t, r); !strings.Contains(page, "64 of 192 images were looked at") {
		t.Error("the page does not say what was cut")
	}
	// In a minute, everything is done.
	now = still()
	slow := func() time.Time { now = now.Add(time.Millisecond); return now }
	if r := lookAt(t, dir, Options{Now: slow, Workers: 1, Measure: measured}); len(r.Cuts) > 0 || r.Splits[0].Seen != 3*fewest {
		t.Errorf("cut: %v", r.Cuts)
	}
}

// What is no dataset to train on is refused in a sentence.
func TestRefused(t *testing.T) {
	dir := t.TempDir()
	datatest.Put(t, dir, "empty/notes.txt", []byte("nothing"))
	datatest.Put(t, dir, "one/a.png", pngOf(t, scene(1, 24, 24)))
	datatest.Put(t, dir, "broken/a.png", []byte("no"))
	datatest.Put(t, dir, "broken/b.png", nil)
	for folder, want := range map[string]string{
		"empty":   "found none",
		"one":     "want at least 2 images that can be read",
		"broken":  "all 2 are broken; the first is ",
		"missing": "no such folder",
	} {
		_, err := Look(context.Background(), filepath.Join(dir, folder), Options{Time: time.Minute})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "--") {
			t.Errorf("%s: %v, want %q", folder, err, want)
		}
	}
}

// Without labels, in a list, and with one image broken for every readable one, a look works.
func TestOtherData(t *testing.T) {
	dir := flat(t, 6)
	datatest.Put(t, dir, "broken.png", []byte("no"))
	r := lookAt(t, dir, Options{Now: still, Measure: measured})
	if len(r.Splits) != 1 || r.Splits[0].Classes != nil || len(r.Broken) != 1 || r.Neighbors.Shown != 0 {
		t.Errorf("%+v", r.Splits)
	}
	if c := r.Advice.Config; c.MaxBad < 1./7 || !strings.Contains(r.Advice.Command, "--max_bad 0.16") {
		t.Errorf("a training with the recipe stops at the broken image: %s", r.Advice.Command)
	}
	datatest.Put(t, dir, "mine.txt", []byte("000.png\tx\n001.png\ty\n002.png\tx\n"))
	r = lookAt(t, filepath.Join(dir, "mine.txt"), Options{Now: still})
	if r.Splits[0].Images != 3 || len(r.Splits[0].Classes) != 2 || r.Cost.Failed == "" {
		t.Errorf("a list: %+v, cost %+v", r.Splits[0], r.Cost)
	}
	if page := pageOf(t, r); !strings.Contains(page, "Not measured") || !strings.Contains(page, "x: 00") {
		t.Error("the page of a list has neither its paths nor its classes")
	}
}

// Files that are damaged but readable are counted, and so are those whose values would be
// clipped.
func TestDamagedAndDeep(t *testing.T) {
	dir := flat(t, 8)
	for i := range 3 {
		file := pngOf(t, scene(uint64(60+i), 24, 24))
		datatest.Put(t, dir, fmt.Sprintf("cut%d.png", i), file[:len(file)-12]) // without the end marker
	}
	deep := image.NewGray16(image.Rect(0, 0, 24, 24))
	for i := range deep.Pix {
		deep.Pix[i] = uint8(i * 7)
	}
	datatest.Put(t, dir, "deep.png", pngOf(t, deep))
	r := lookAt(t, dir, Options{Now: still, Measure: measured})
	if len(r.Broken) > 0 || len(r.Repaired) != 1 || r.Repaired[0].Count != 3 || len(r.Notes) > 0 || r.Splits[0].Deep != 1 {
		t.Errorf("broken %v, repaired %v, notes %q, deep %d", r.Broken, r.Repaired, r.Notes, r.Splits[0].Deep)
	}
	page := pageOf(t, r)
	for _, want := range []string{"3 image files damaged, but", "1 image with 16-bit gray", "<li>3: "} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	r = lookAt(t, dir, Options{Now: still, Measure: measured, Gray16: "range"})
	if !strings.Contains(r.Advice.Command, "--gray16 range") || strings.Contains(pageOf(t, r), "with 16-bit gray") {
		t.Errorf("--gray16 is not followed: %s", r.Advice.Command)
	}
}

// A given encoder finds the neighbors, and what is to say about it is no note about the files.
func TestEncoder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "e.pth")
	err := torch.Run(func() error {
		m, err := nn.New(nn.Config{Arch: "resnet18", Width: 0.0625, Stem: "cifar", FeatDim: 4}, 1)
		if err != nil {
			return err
		}
		defer m.Free()
		return checkpoint.Write(file, checkpoint.Dict{{Key: "model", Value: statedict.Of(m.State, "module.")}})
	})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Now: still, Encoder: Encoder{Weights: config.Weights{Ckpt: file}}}
	config.Defaults(&o.Encoder.Net)
	o.Encoder.Net.InputRes, o.Encoder.Set = 24, map[string]bool{"input_res": true}
	r := lookAt(t, flat(t, 8), o)
	if n := r.Neighbors; n.Untrained || !strings.Contains(n.Encoder, "e.pth, resnet18 at 24 pixels") || len(n.Notes) == 0 || len(n.Queries) != 6 {
		t.Errorf("neighbors %+v", n)
	}
	if len(r.Notes) > 0 || strings.Contains(pageOf(t, r), "An untrained network") {
		t.Errorf("notes %q", r.Notes)
	}
}

// The end of the context ends the look, and a failure to measure does not.
func TestStopped(t *testing.T) {
	dir := flat(t, 16)
	cause := errors.New("by the user")
	ctx, cancel := context.WithCancelCause(context.Background())
	_, err := Look(ctx, dir, Options{Time: time.Minute, Measure: func(Measurement) (*profile.Result, error) {
		cancel(cause)
		return nil, errors.New("stopped")
	}})
	if !errors.Is(err, cause) {
		t.Errorf("stopped: %v", err)
	}
	r := lookAt(t, dir, Options{Measure: func(Measurement) (*profile.Result, error) { return nil, errors.New("no memory") }})
	slow := func(Measurement) (*profile.Result, error) { return &profile.Result{ImagesPerSecond: 0.001}, nil }
	if c := lookAt(t, dir, Options{Measure: slow}).Cost; !c.Endless || c.Whole < 48*time.Hour {
		t.Errorf("cost %+v", c)
	}
	if r.Cost.Failed != "no memory" || !strings.Contains(pageOf(t, r), "Not measured: no memory") {
		t.Errorf("cost %+v", r.Cost)
	}
	_, err = Look(context.Background(), dir, Options{Time: time.Minute, Encoder: Encoder{Weights: config.Weights{Ckpt: filepath.Join(dir, "none.pth")}}})
	if err == nil || !strings.Contains(err.Error(), "none.pth") {
		t.Errorf("a checkpoint that is not there: %v", err)
	}
}

// The colors of the page are those of the dashboard.
func TestColors(t *testing.T) {
	b, err := os.ReadFile("../dashboard/web/style.css")
	if err != nil {
		t.Fatal(err)
	}
	dashboard := string(b)
	for _, line := range strings.Split(string(pageCSS), "\n") {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "--") && !strings.Contains(dashboard, line) {
			t.Errorf("%s is no color of the dashboard", line)
		}
	}
}
