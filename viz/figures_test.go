package viz

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot/vg/draw"

	"contralens/scores/record"
)

// spikes makes a record whose exp_neg is 1, but 10,000 in a few steps, and overflows after
// step last.
func spikes(t *testing.T, dir string, steps, last int) {
	t.Helper()
	w, err := record.NewWriter(record.Dir(dir), record.NewHeader([]string{"epoch", "neg_mean", "exp_neg"}, nil), 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= steps; i++ {
		exp := 1.0
		switch {
		case i > last:
			exp = math.Inf(1)
		case i%10 == 0:
			exp = 1e4
		}
		if err := w.Add(record.Step{Step: i, Values: []float32{1, 0.5, float32(exp)}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// On a logarithmic axis the moving mean is that of the logarithms: one step in ten with
// 10,000 lifts it to 10^0.4, not to 1,000.
func TestMeanOfLogarithms(t *testing.T) {
	dir := t.TempDir()
	spikes(t, dir, 400, 400)
	r, err := openRun(dir)
	if err != nil {
		t.Fatal(err)
	}
	d := &drawing{style: Styles[2], runs: []*run{r}, options: Options{Smooth: 1}}
	if _, _, isLog, err := d.traces("exp_neg", points); err != nil || !isLog {
		t.Fatalf("single steps: logarithmic %v, %v", isLog, err)
	}
	d.options.Smooth = 20
	all, _, isLog, err := d.traces("exp_neg", points)
	if err != nil || isLog {
		t.Fatalf("smooth enough to be linear: logarithmic %v, %v", isLog, err)
	}
	if got := all[0].smooth[200].Y; got < 900 {
		t.Errorf("a linear mean of %v", got)
	}
	smooth := movingMean(all[0].bins, 20, 0, logarithm(1))
	if got := smooth[200].Y; math.Abs(got-0.4) > 0.1 {
		t.Errorf("mean of logarithms %v, want about 0.4", got)
	}
}

// Charts of a page have one range of steps, and one that ends early says where.
func TestOverflow(t *testing.T) {
	dir := t.TempDir()
	spikes(t, dir, 400, 60)
	r, err := openRun(dir)
	if err != nil {
		t.Fatal(err)
	}
	d := &drawing{style: Styles[2], runs: []*run{r}}
	for name, want := range map[string]string{"neg_mean": "training step", "exp_neg": "training step, not finite after step 60"} {
		p, err := d.curves(name)
		if err != nil || p.X.Max != 400 || p.X.Label.Text != want {
			t.Errorf("%s: up to %v, %q, want 400, %q (%v)", name, p.X.Max, p.X.Label.Text, want, err)
		}
	}
}

// A long legend stays inside its figure, shortened in the middle.
func TestLongLegend(t *testing.T) {
	s := Styles[0]
	_, err := save(t.TempDir(), figure{"long", s.Width, s.Height, func(c draw.Canvas) error {
		width := c.Rectangle.Size().X
		text := s.fit(strings.Repeat("MoCov2_resnet50_photos_", 8)+"end", s.text(0.95), width)
		if s.text(0.95).Width(text) > width || !strings.Contains(text, "…") || !strings.HasSuffix(text, "end") {
			t.Errorf("%q is %v wide, want %v", text, s.text(0.95).Width(text), width)
		}
		return nil
	}}, []string{"svg"}, 72)
	if err != nil {
		t.Fatal(err)
	}
}

// Each format says what other programs need: PNG its dots per inch, SVG a title and fonts
// that every machine has, PDF text that can be searched.
func TestFormats(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	makeRun(t, dir, 0)
	files, err := Plot([]string{dir}, out, Options{Formats: Formats, Only: []string{"pos_mean"}})
	if err != nil || len(files) != 3 {
		t.Fatalf("%v, %v", files, err)
	}
	read := func(name string) []byte {
		content, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	picture := read("pos_mean.png")
	if i := bytes.Index(picture, []byte("pHYs")); i < 0 || binary.BigEndian.Uint32(picture[i+4:]) != 6299 {
		t.Errorf("want 160 dots per inch, which is 6299 per meter (chunk at %d)", i)
	}
	drawing := string(read("pos_mean.svg"))
	for _, want := range []string{"<title>pos_mean</title>", "Liberation Sans,Arial,Helvetica,sans-serif"} {
		if !strings.Contains(drawing, want) {
			t.Errorf("pos_mean.svg lacks %q", want)
		}
	}
	for i := range strings.SplitSeq(drawing, "font-family:") {
		if strings.HasPrefix(i, "Liberation Sans;") {
			t.Error("a font without another to fall back on")
			break
		}
	}
	if text := searchable("λ·q − 2…"); text != "lambda.q - 2..." {
		t.Errorf("searchable text %q", text)
	}
	pdftotext, err := exec.LookPath("pdftotext")
	if err != nil {
		t.Skip("pdftotext is missing: the text of the PDF was not read")
	}
	words, err := exec.Command(pdftotext, filepath.Join(out, "pos_mean.pdf"), "-").Output()
	if err != nil || !strings.Contains(string(words), "training step") {
		t.Errorf("pdftotext found %q (%v)", words, err)
	}
}

func TestOnly(t *testing.T) {
	dir := t.TempDir()
	makeRun(t, dir, 0)
	files, err := Plot([]string{dir}, t.TempDir(), Options{Formats: []string{"svg"}, Only: []string{"scores", "exp_neg"}})
	if err != nil || len(files) != 2 || !Main(files[0]) || Main(files[1]) {
		t.Errorf("%v, %v", files, err)
	}
	if _, err := Plot([]string{dir}, t.TempDir(), Options{Only: []string{"poster"}}); err == nil || !strings.Contains(err.Error(), "neg_mean") {
		t.Errorf("an unknown figure: %v", err)
	}
	for name, want := range map[string]string{"waterfall": "two or more runs", "theory": "extrapolates"} {
		if _, err := Plot([]string{dir}, t.TempDir(), Options{Only: []string{name}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s of this run: got %v, want %q in it", name, err, want)
		}
	}
}

// Without colors, marks tell runs apart, and each is in the legend.
func TestMarks(t *testing.T) {
	seen := []string{}
	for i := range marks {
		name := fmt.Sprintf("%T", marks[i])
		if slices.Contains(seen, name) {
			t.Errorf("%s is there twice", name)
		}
		seen = append(seen, name)
	}
	d := &drawing{style: Styles[2], runs: []*run{{label: "a"}, {label: "b"}}}
	for _, e := range d.legend() {
		if e.mark.Shape == nil {
			t.Errorf("%s has no mark", e.label)
		}
	}
}

// The fonts have the letters of axes.
func TestLetters(t *testing.T) {
	var missing []rune
	face := Styles[2].text(1)
	for _, r := range "−·…λτα" {
		f := face.Handler.Cache().Lookup(face.Font, face.Font.Size)
		if i, err := f.Face.GlyphIndex(nil, r); err != nil || i == 0 {
			missing = append(missing, r)
		}
	}
	if len(missing) > 0 {
		t.Errorf("no letters for %s", string(missing))
	}
}
