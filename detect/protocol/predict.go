package protocol

import (
	"context"
	"encoding/json"
	"fmt"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"contralens/config"
	"contralens/data/codec"
	"contralens/data/sets"
	"contralens/data/store"
	"contralens/detect"
	"contralens/detect/draw"
	"contralens/detect/loader"
	"contralens/detect/mask"
	"contralens/detect/rcnn"
	"contralens/internal/durable"
	"contralens/internal/humanize"
	"contralens/setup"
	"contralens/views"
)

// Found is what a detector found in an image.
type Found struct {
	Image   string   `json:"image"` // path
	Width   int      `json:"width"` // in pixels, upright
	Height  int      `json:"height"`
	Picture string   `json:"picture"` // file of the drawing
	Objects []Object `json:"objects"` // the best first
	drawn   int
}

// Object is an object that was found.
type Object struct {
	Class string     `json:"class"`
	Score float64    `json:"score"`
	Box   [4]float64 `json:"box"` // x1, y1, x2, y2 in pixels
	Mask  *mask.RLE  `json:"mask,omitempty"`
}

// Summary counts what was drawn by class: "3 cat, 1 dog".
func (f Found) Summary() string {
	var order []string
	counts := map[string]int{}
	for _, o := range f.Objects[:f.drawn] {
		if counts[o.Class]++; counts[o.Class] == 1 {
			order = append(order, o.Class)
		}
	}
	for i, class := range order {
		order[i] = fmt.Sprintf("%d %s", counts[class], class)
	}
	if len(order) == 0 {
		return "nothing"
	}
	return strings.Join(order, ", ")
}

// Predict finds objects in images, draws them, and calls each with every image, in order. Beside
// a picture is a JSON file with everything that was found. names are files or folders.
func Predict(ctx context.Context, c config.DetectPredict, names []string, o Options, each func(Found) error) error {
	defer o.complete()()
	machine := config.Machine{Device: c.Device, Precision: "fp32", MemoryFormat: "channels_last", Threads: c.Threads}
	err := setup.Compute(c.Threads, func() error {
		p := &prediction{Options: o, c: &c}
		return p.run(ctx, machine, names, each)
	})
	if err != nil {
		err = setup.Explain(err, setup.Load{Machine: machine, Arch: "its network", Batch: 1})
	}
	return err
}

// prediction is one call of Predict.
type prediction struct {
	Options
	c       *config.DetectPredict
	model   *detector
	classes []string
	decoder *codec.Decoder
}

func (p *prediction) run(ctx context.Context, m config.Machine, names []string, each func(Found) error) error {
	p.decoder = &codec.Decoder{Note: p.Note}
	images, err := sets.Paths(ctx, store.Disk{}, names, p.decoder)
	if err != nil {
		return err
	}
	if _, err := setup.Device(m); err != nil {
		return err
	}
	model, file, err := openDetector(p.c.Ckpt, m)
	if err != nil {
		return err
	}
	defer model.Free()
	p.model = model
	setup.Host(&m, model.Device())
	if p.classes, err = classNames(p.c.Classes, file); err != nil {
		return err
	}
	p.input(file.Config)
	from := paths(images)
	to, err := pictures(p.c.Out, from)
	if err != nil {
		return err
	}
	if err := spare(from, to); err != nil {
		return err
	}
	return p.all(ctx, from, to, each)
}

// pictures returns the names of the pictures of images: out itself, or names in the folder out, which
// it makes, for several images or if out is a folder.
func pictures(out string, images []string) ([]string, error) {
	isPNG := strings.EqualFold(filepath.Ext(out), ".png")
	if len(images) == 1 && !strings.HasSuffix(out, string(filepath.Separator)) && !isFolder(out) {
		if !isPNG {
			return nil, &config.ValueError{Option: "out", Want: "a file name that ends in .png", Got: out}
		}
		return []string{out}, nil
	}
	if isPNG {
		out = strings.TrimSuffix(out, filepath.Ext(out))
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, fmt.Errorf("--out %s: want a folder for %s, but %w", out, humanize.Count(len(images), "picture"), err)
	}
	names := make([]string, len(images))
	for i, path := range images {
		names[i] = pictureName(out, path, i)
	}
	return names, nil
}

// resultName is the name of the JSON file beside a picture.
func resultName(picture string) string {
	return strings.TrimSuffix(picture, filepath.Ext(picture)) + ".json"
}

// spare returns an error if a picture would replace an image that is read, or a result a JSON file of
// another program, such as annotations beside a photo.
func spare(images, pictures []string) error {
	read := map[string]bool{}
	for _, image := range images {
		read[resolved(image)] = true
	}
	for _, out := range pictures {
		if read[resolved(out)] {
			return &config.ValueError{Option: "out", Want: "another file than the image that is read", Got: out}
		}
		f, err := os.Open(resultName(out))
		if err != nil {
			continue // there is none, or writing says what is wrong
		}
		begin := make([]byte, len(foundBegin))
		_, err = io.ReadFull(f, begin)
		f.Close()
		if err != nil || string(begin) != foundBegin {
			return &config.ValueError{
				Option: "out", Want: "a name beside which there is no JSON file of another program",
				Got: fmt.Sprintf("%s, beside %s", out, resultName(out)),
			}
		}
	}
	return nil
}

// foundBegin is how the JSON of a Found begins.
const foundBegin = `{"image":`

// resolved returns the path of a file without links, as far as it exists.
func resolved(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return path
}

func paths(images interface {
	Len() int
	Path(i int) string
}) []string {
	all := make([]string, images.Len())
	for i := range all {
		all[i] = images.Path(i)
	}
	return all
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// pictureName returns the name of a picture in a folder. The number keeps images of the same
// name apart.
func pictureName(folder, path string, i int) string {
	base := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	return filepath.Join(folder, fmt.Sprintf("%03d_%s.png", i+1, base))
}

// Sides of test images that published detectors have, in pixels.
const (
	usualShort = 800
	usualMax   = 1333
)

// input sets what is left open about the input: as in the training's tests, or the usual.
func (p *prediction) input(record map[string]string) {
	c := config.DefaultDetectTrain()
	c.TestShort, c.MaxSide = usualShort, usualMax
	if record != nil {
		_ = adopt(&c, record, nil, "test_short", "max_side", "gray16") // values of a record that are no numbers stay open
	}
	if p.c.Gray16 == "" {
		p.c.Gray16 = c.Gray16
	}
	p.decoder.Gray16 = codec.Gray16(p.c.Gray16)
	if p.c.TestShort == 0 {
		p.c.TestShort = c.TestShort
	}
	if p.c.MaxSide == 0 {
		p.c.MaxSide = c.MaxSide
	}
}

// all predicts every image. Unreadable ones are noted and skipped; at the end they are an error.
func (p *prediction) all(ctx context.Context, paths, pictures []string, each func(Found) error) error {
	unreadable := 0
	for i, path := range paths {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		img, err := read(ctx, path, p.decoder)
		if err != nil {
			unreadable++
			p.note("%v", err)
			continue
		}
		found, err := p.one(path, pictures[i], img)
		if err != nil {
			return err
		}
		if err := each(found); err != nil {
			return err
		}
	}
	if unreadable > 0 {
		return fmt.Errorf("%d of %d images could not be read", unreadable, len(paths))
	}
	return nil
}

// read reads an image and turns it upright.
func read(ctx context.Context, path string, decoder *codec.Decoder) (*views.Image, error) {
	b, err := store.ReadFile(ctx, store.Disk{}, path)
	if err != nil {
		return nil, codec.NotAnImage(path, err)
	}
	img := &views.Image{}
	if err := decoder.Decode(b, img, func() string { return path }); err != nil {
		return nil, err
	}
	codec.Upright(img, b)
	return img, nil
}

// one finds the objects of an image, and writes the picture and the JSON.
func (p *prediction) one(path, out string, img *views.Image) (f Found, err error) {
	b := loader.Single(img, p.c.TestShort, p.c.MaxSide, p.model.SizeDivisor())
	var found []detect.Detection
	p.model.autocast(func() { found = p.model.Detect(b, []rcnn.Size{{Width: img.W, Height: img.H}})[0] })
	f = Found{Image: path, Width: img.W, Height: img.H, Picture: out, Objects: []Object{}}
	for _, d := range found {
		o := Object{Class: p.classes[d.Class], Score: float64(d.Score), Mask: d.Mask}
		for i, v := range d.Box {
			o.Box[i] = float64(v)
		}
		f.Objects = append(f.Objects, o)
	}
	f.drawn = len(found)
	if i := slices.IndexFunc(f.Objects, func(o Object) bool { return o.Score < p.c.MinScore }); i >= 0 {
		f.drawn = i
	}
	picture, err := draw.Picture(img, draw.Found(found, p.classes, float32(p.c.MinScore)), 0)
	if err == nil {
		err = durable.Write(out, func(w io.Writer) error { return png.Encode(w, picture) })
	}
	if err != nil {
		return f, err
	}
	return f, durable.Write(resultName(out), func(w io.Writer) error {
		return json.NewEncoder(w).Encode(f)
	})
}
