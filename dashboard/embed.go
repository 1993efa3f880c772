package dashboard

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"contralens/features/layout"
	"contralens/features/probe"
	"contralens/internal/humanize"
)

// embedding is what is the same for all layouts of a probe set.
type embedding struct {
	Epochs    []int    `json:"epochs"` // epochs with features
	Images    []int    `json:"images"` // indices into the probe
	Labels    []int    `json:"labels"` // of these images; -1 without a class
	Classes   []string `json:"classes"`
	Paths     []string `json:"paths"`     // of all images of the probe, by index; empty if unknown
	Thumbnail int      `json:"thumbnail"` // side in pixels
	Columns   int      `json:"columns"`   // thumbnails per row of the sheet
	Note      string   `json:"note"`      // what the reader should know of this probe set
}

// placed is the layout of an epoch, or what is being done to get it.
type placed struct {
	Epoch     int       `json:"epoch"`
	Points    []byte    `json:"points"`            // float32 [images, 2], little-endian, in base64
	Explained []float64 `json:"explained"`         // share of the variance per component
	Pending   string    `json:"pending,omitempty"` // what is being computed; empty: the layout is there
}

// near is an image near another one.
type near struct {
	Image  int     `json:"image"` // its index among the images
	Cosine float64 `json:"cosine"`
}

// maxNear is the largest number of neighbors in an answer.
const maxNear = 50

// openProbe opens the run's probe set. It has epochs, whose layouts can be computed.
func (r *run) openProbe() (*probe.Probe, []int, error) {
	r.mu.Lock()
	err := r.validate()
	r.mu.Unlock()
	if err != nil {
		return nil, nil, err
	}
	p, err := probe.Open(probe.Dir(filepath.Join(r.server.path, filepath.FromSlash(r.id))))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%w; contralens contrast --probe N keeps one", r.relative(err))
	}
	if err != nil {
		return nil, nil, r.relative(err)
	}
	epochs, err := p.Epochs()
	if err == nil && len(epochs) == 0 {
		err = fmt.Errorf("%s: the probe set has no features yet; the first epoch writes them", r.id)
	}
	return p, epochs, err
}

// embedding describes the probe set of a run.
func (s *Server) embedding(q url.Values) (any, error) {
	r, err := s.get(q.Get("run"))
	if err != nil {
		return nil, err
	}
	p, epochs, err := r.openProbe()
	if err != nil {
		return nil, err
	}
	m := &embedding{
		Epochs: epochs, Labels: p.Labels, Classes: humanize.Texts(p.Classes), Paths: humanize.Texts(p.Paths),
		Thumbnail: p.Thumbnail, Columns: p.Columns,
	}
	for i := range p.Labels {
		m.Images = append(m.Images, i)
	}
	if note := r.placing.of(r).Note(); note != "" {
		m.Note = r.relative(errors.New(note)).Error() + " "
	}
	if len(epochs) == 1 {
		m.Note = fmt.Sprintf("The probe set has features of one epoch, %d, so nothing can be followed. ", epochs[0])
	}
	if len(p.Paths) > 0 && moved(p.Paths[0]) {
		m.Note += fmt.Sprintf("The images are no longer where they were: there is no %s. "+
			"The pictures are those that the run keeps.", humanize.Text(p.Paths[0]))
	}
	return m, nil
}

// moved reports whether there is no image at a path. What follows a # may be the place in a file of many images.
func moved(path string) bool {
	if !filepath.IsAbs(path) {
		return false
	}
	for _, name := range []string{path, path[:max(0, strings.LastIndexByte(path, '#'))]} {
		if _, err := os.Stat(name); name != "" && !errors.Is(err, fs.ErrNotExist) {
			return false
		}
	}
	return true
}

// layout returns the layout of an epoch; epoch < 0 is the last one.
func (s *Server) layout(q url.Values) (any, error) {
	r, err := s.get(q.Get("run"))
	if err != nil {
		return nil, err
	}
	method := q.Get("method")
	if !slices.Contains(layout.Methods, method) {
		return nil, fmt.Errorf("want the method %v, got %q", layout.Methods, method)
	}
	p, epochs, err := r.openProbe()
	if err != nil {
		return nil, err
	}
	epoch := number(q, "epoch", -1, -1, farthest)
	if epoch < 0 {
		epoch = epochs[len(epochs)-1]
	}
	if !slices.Contains(epochs, epoch) {
		return nil, fmt.Errorf("%s: there are no features after epoch %d: want epoch_%03d.npy in the probe set", r.id,
			epoch, epoch)
	}
	return r.placing.answer(r, p, method, epoch)
}

// nearest returns the images nearest to an image by the cosine of their principal components.
func (s *Server) nearest(q url.Values) (any, error) {
	r, err := s.get(q.Get("run"))
	if err != nil {
		return nil, err
	}
	p, epochs, err := r.openProbe()
	if err != nil {
		return nil, err
	}
	epoch, image := number(q, "epoch", epochs[len(epochs)-1], 0, farthest), number(q, "image", -1, -1, farthest)
	if image < 0 || image >= len(p.Labels) {
		return nil, fmt.Errorf("%s: want an image below %d, got %d", r.id, len(p.Labels), image)
	}
	rows, err := r.placing.of(r).Components(p, epoch)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.id, r.relative(err))
	}
	list := []near{}
	for _, n := range layout.NearestTo(rows.Rows, rows.K, image, number(q, "k", 8, 1, maxNear)) {
		list = append(list, near{n.Row, n.Near})
	}
	return map[string]any{"near": list, "components": rows.K}, nil
}

// placedPatience is how long an answer waits for a layout. Later ones have it.
const placedPatience = 400 * time.Millisecond
