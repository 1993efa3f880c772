package dashboard

import (
	"bytes"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"image/png"
	"math"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	xdraw "golang.org/x/image/draw"

	"contralens/features/layout"
)

// snapshot is the data of runs at one time, for a page that has no server. The keys are the
// runs' names on the page. web/saved.js answers from it what api.go answers from files.
type snapshot struct {
	Saved      time.Time                   `json:"saved"`
	Overview   overview                    `json:"overview"`
	Runs       map[string]description      `json:"runs"`
	Curves     map[string]map[string]curve `json:"curves"`
	Histograms map[string]map[string]heat  `json:"histograms"` // by kind
	Embeddings map[string]*savedEmbedding  `json:"embeddings"`
	Thumbnails map[string]string           `json:"thumbnails"` // sheets, as data URIs
}

// savedEmbedding is a probe set with its layouts.
type savedEmbedding struct {
	*embedding
	Layouts    map[string]map[string]placed `json:"layouts"`    // by method and epoch
	Components map[string][][]float64       `json:"components"` // by epoch, for the nearest images
}

// detail says how finely a snapshot has the data.
type detail struct {
	points int // of a curve
	rows   int // of a histogram over time
	epochs int // with an embedding
	images int // in an embedding
	side   int // of a thumbnail in pixels, at most
}

// coarser returns half of the detail.
func (d detail) coarser() detail {
	return detail{d.points / 2, max(20, d.rows*3/4), max(1, d.epochs/2), max(50, d.images/2), max(16, d.side*3/4)}
}

// shot is a run to be saved: the run, and its name on the page.
type shot struct {
	*run
	name string
}

// openShots opens run directories. Each has a server of its own, which finds nothing else and
// opens nothing outside of it. Close the servers after use.
func openShots(dirs []string) (shots []shot, closeAll func(), err error) {
	closeAll = func() {
		for _, s := range shots {
			s.server.Close()
		}
	}
	taken := map[string]bool{}
	for _, dir := range dirs {
		target, err := filepath.EvalSymlinks(dir)
		if err != nil {
			return shots, closeAll, err
		}
		s, err := New(Options{Dir: target})
		if err != nil {
			return shots, closeAll, err
		}
		s.saving = true
		r, err := s.get(".")
		if err != nil {
			s.Close()
			return shots, closeAll, fmt.Errorf("%s: want the directory of a run, which has run.json, metrics or scores", dir)
		}
		name := filepath.Base(s.path)
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s (%d)", filepath.Base(s.path), n)
		}
		taken[name] = true
		shots = append(shots, shot{r, name})
	}
	return shots, closeAll, nil
}

// IsRun reports whether dir is the directory of a run, ours or another program's.
func IsRun(dir string) bool {
	_, closeAll, err := openShots([]string{dir})
	closeAll()
	return err == nil
}

// takeSnapshot reads the data of the runs.
func takeSnapshot(shots []shot, d detail, now time.Time) (snapshot, error) {
	all := snapshot{
		Saved: now, Overview: overview{Dir: "", Runs: []Summary{}, Studies: []studySummary{}},
		Runs: map[string]description{}, Curves: map[string]map[string]curve{}, Histograms: map[string]map[string]heat{},
		Embeddings: map[string]*savedEmbedding{}, Thumbnails: map[string]string{},
	}
	for _, s := range shots {
		if err := s.add(&all, d); err != nil {
			return all, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return all, nil
}

// add adds the data of a run.
func (s shot) add(all *snapshot, d detail) error {
	q := url.Values{"run": {s.id}, "points": {strconv.Itoa(d.points)}, "rows": {strconv.Itoa(d.rows)}}
	answer, err := s.server.describeRun(q)
	if err != nil {
		return err
	}
	about := answer.(description)
	about.ID, about.Name = s.name, s.name
	var names []string
	for _, series := range about.Series {
		names = append(names, series.Name)
	}
	curves := map[string]curve{}
	for part := range slices.Chunk(names, maxNames) {
		q.Set("names", strings.Join(part, ","))
		answer, err := s.server.curves(q)
		if err != nil {
			return err
		}
		for name, c := range answer.(map[string]any)["curves"].(map[string]curve) {
			curves[name] = c.rounded()
		}
	}
	histograms := map[string]heat{}
	for _, kind := range about.Kinds {
		q.Set("kind", kind)
		answer, err := s.server.histogram(q)
		if err != nil {
			return err
		}
		histograms[kind] = answer.(heat)
	}
	if about.Probe {
		err := s.addProbe(all, d)
		about.Probe = err == nil
		if err != nil {
			about.Notes = append(slices.Clone(about.Notes), err.Error())
		}
	}
	all.Runs[s.name], all.Curves[s.name], all.Histograms[s.name] = about, curves, histograms
	all.Overview.Runs = append(all.Overview.Runs, about.Summary)
	return nil
}

// placedOnSave is the largest number of images times epochs of which a page that is saved computes UMAPs that
// are not kept.
const placedOnSave = 40_000

// addProbe adds the layouts of some epochs, of which the first and the last, and the thumbnails of the
// images. Epochs whose features have no layout are left out.
func (s shot) addProbe(all *snapshot, d detail) error {
	answer, err := s.server.embedding(url.Values{"run": {s.id}})
	if err != nil {
		return err
	}
	m := answer.(*embedding)
	images := spread(m.Images, d.images)
	out := savedEmbedding{m.of(images), map[string]map[string]placed{}, map[string][][]float64{}}
	out.Epochs = nil
	for _, epoch := range spread(m.Epochs, d.epochs) {
		if err = s.addEpoch(&out, m, epoch, images); err == nil {
			out.Epochs = append(out.Epochs, epoch)
		}
	}
	if len(out.Epochs) == 0 {
		return err
	}
	sheet, side, columns, err := s.sheet(images, m.Thumbnail, m.Columns, d.side)
	if err != nil {
		return err
	}
	out.Thumbnail, out.Columns = side, columns
	all.Embeddings[s.name], all.Thumbnails[s.name] = &out, sheet
	return nil
}

// addEpoch adds the layouts of some images after an epoch.
func (s shot) addEpoch(out *savedEmbedding, m *embedding, epoch int, images []int) error {
	text := strconv.Itoa(epoch)
	p, _, err := s.openProbe()
	if err != nil {
		return err
	}
	rows, err := s.placing.of(s.run).Components(p, epoch)
	if err != nil {
		return err
	}
	for _, method := range layout.Methods {
		_, kept := s.placing.of(s.run).At(p, method, epoch)
		if method == layout.ByUMAP && !kept && len(m.Images)*len(m.Epochs) > placedOnSave {
			continue
		}
		one, err := s.placing.answer(s.run, p, method, epoch)
		if err != nil {
			return err
		}
		var few []byte
		for _, i := range images {
			few = append(few, one.Points[8*i:8*i+8]...)
		}
		one.Points, one.Explained = few, one.Explained[:min(2, len(one.Explained))]
		if out.Layouts[method] == nil {
			out.Layouts[method] = map[string]placed{}
		}
		out.Layouts[method][text] = one
	}
	for _, i := range images {
		row := make([]float64, rows.K)
		for j := range row {
			row[j] = rounded(float64(rows.Rows[i*rows.K+j]), 4)
		}
		out.Components[text] = append(out.Components[text], row)
	}
	return nil
}

// of returns the embedding of some of its images, which are counted anew.
func (m *embedding) of(images []int) *embedding {
	few := *m
	few.Images, few.Labels, few.Paths = nil, nil, nil
	for _, image := range images {
		few.Images = append(few.Images, len(few.Images))
		few.Labels = append(few.Labels, m.Labels[image])
		if len(m.Paths) > 0 {
			few.Paths = append(few.Paths, m.Paths[image])
		}
	}
	return &few
}

// sheet returns a JPEG with the thumbnails of some images as a data URI, the side of a
// thumbnail, and the number of columns.
func (s shot) sheet(images []int, side, columns, most int) (uri string, newSide, newColumns int, err error) {
	f, info, err := s.openRegular(thumbnailsFile)
	if err != nil {
		return "", 0, 0, err
	}
	defer f.Close()
	if info.Size() > maxPictures {
		return "", 0, 0, fmt.Errorf("thumbnails.png: want at most %d MB, got %d MB", maxPictures>>20, info.Size()>>20)
	}
	from, err := png.Decode(f)
	if err != nil {
		return "", 0, 0, fmt.Errorf("thumbnails.png: want a PNG picture: %w", err)
	}
	newSide, newColumns = min(side, most), int(math.Ceil(math.Sqrt(float64(len(images)))))
	to := image.NewRGBA(image.Rect(0, 0, newColumns*newSide, (len(images)+newColumns-1)/newColumns*newSide))
	draw.Draw(to, to.Bounds(), image.White, image.Point{}, draw.Src) // behind transparent edges
	for i, n := range images {
		source := image.Rect(0, 0, side, side).Add(image.Pt(n%columns*side, n/columns*side))
		target := image.Rect(0, 0, newSide, newSide).Add(image.Pt(i%newColumns*newSide, i/newColumns*newSide))
		xdraw.CatmullRom.Scale(to, target, from, source, draw.Over, nil)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, to, &jpeg.Options{Quality: 80}); err != nil {
		return "", 0, 0, err
	}
	return dataURI("image/jpeg", b.Bytes()), newSide, newColumns, nil
}

// rounded returns the curve with five significant digits, which are more than a chart shows.
func (c curve) rounded() curve {
	for _, list := range [][]float64{c.Mean, c.Min, c.Max} {
		for i, v := range list {
			list[i] = rounded(v, 5)
		}
	}
	return c
}

// rounded returns v with a number of significant digits.
func rounded(v float64, digits int) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', digits, 64), 64)
	if err != nil {
		return v
	}
	return r
}

// spread returns at most n elements of a list, evenly spread, with the first and the last.
func spread(list []int, n int) []int {
	if len(list) <= n {
		return list
	}
	var few []int
	for i := range n {
		few = append(few, list[(len(list)-1)*i/max(1, n-1)])
	}
	few[n-1] = list[len(list)-1]
	return few
}
