package layout

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"contralens/features/probe"
	"contralens/internal/durable"
	"contralens/internal/npy"
)

// The methods of a layout.
const (
	ByPCA  = "pca"
	ByUMAP = "umap"
)

// Methods lists the methods of a layout.
var Methods = []string{ByPCA, ByUMAP}

// version of the computation, a part of the keys of what is kept.
const version = "1"

// Place is the layout of an epoch.
type Place struct {
	Key       string    `json:"key"`                 // changes with all that the layout comes from
	Explained []float64 `json:"explained,omitempty"` // share of the variance per component
	Points    []float32 `json:"-"`                   // [n, 2]
	Bad       string    `json:"-"`                   // why there is none; the next epoch starts from the one before
}

// Progress says what is being computed.
type Progress struct {
	Epoch int
	Done  int // epochs
	Of    int
	Share float64 // of this epoch
}

// Layouts are the layouts of a probe set: each starts from that of the epoch before, so that images can
// be followed. They are kept in memory and, where the folder can be written, in <probe>/layout:
//
//	layout.json           the keys of the layouts by method and epoch
//	pca_EEE.npy           float32 [n, 2]; umap_EEE.npy too
//
// All of it can be made again and may be removed. Methods may be called by several goroutines.
type Layouts struct {
	dir string

	mu     sync.Mutex
	places map[string]map[int]Place // by method and epoch
	rows   map[int]PCA              // of the last epochs that were used
	note   string
}

const keptRows = 4 // epochs whose components are in memory

// Dir returns the folder of the layouts of a probe set in dir.
func Dir(dir string) string { return filepath.Join(dir, "layout") }

// Open returns the layouts of the probe set in dir; what was kept before is read. Files that are
// damaged or of other features are made again.
func Open(dir string) *Layouts {
	l := &Layouts{dir: Dir(dir), places: map[string]map[int]Place{}, rows: map[int]PCA{}}
	var kept map[string]map[int]Place
	if b, err := os.ReadFile(l.path("layout.json")); err == nil && json.Unmarshal(b, &kept) != nil {
		kept = nil
	}
	for _, method := range Methods {
		l.places[method] = map[int]Place{}
		for epoch, p := range kept[method] {
			if points, h, err := npy.Read(l.file(method, epoch)); err == nil && len(h.Shape) == 2 && h.Shape[1] == 2 {
				p.Points = points
				l.places[method][epoch] = p
			}
		}
	}
	return l
}

func (l *Layouts) path(name string) string { return filepath.Join(l.dir, name) }
func (l *Layouts) file(kind string, epoch int) string {
	return l.path(fmt.Sprintf("%s_%03d.npy", kind, epoch))
}

// Note says why layouts are not kept; empty: they are.
func (l *Layouts) Note() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.note
}

// keys returns the key of each epoch: it depends on the features of the epoch, and on the key before.
func keys(p *probe.Probe, method string, epochs []int) (list []string, err error) {
	before := version + method
	for _, e := range epochs {
		own, err := stamp(p, e)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256([]byte(before + own))
		before = fmt.Sprintf("%x", sum[:8])
		list = append(list, before)
	}
	return list, nil
}

// stamp tells the features of an epoch from others.
func stamp(p *probe.Probe, epoch int) (string, error) {
	written, err := p.Written(epoch)
	return fmt.Sprintf(" %d %d %d", epoch, len(p.Labels), written.UnixNano()), err
}

// At returns the layout of an epoch, if it is there and that of the present features.
func (l *Layouts) At(p *probe.Probe, method string, epoch int) (Place, bool) {
	epochs, err := p.Epochs()
	if err != nil {
		return Place{}, false
	}
	list, err := keys(p, method, epochs)
	at := slices.Index(epochs, epoch)
	if err != nil || at < 0 {
		return Place{}, false
	}
	return l.kept(p, method, epoch, list[at])
}

func (l *Layouts) kept(p *probe.Probe, method string, epoch int, key string) (Place, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	place, ok := l.places[method][epoch]
	return place, ok && place.Key == key && (place.Bad != "" || len(place.Points) == 2*len(p.Labels))
}

// Follow computes the layouts of all epochs that are not kept, in order. report has the progress; it is
// called after each epoch, too. Features that are not finite give no layout, and a sentence in their
// place.
func (l *Layouts) Follow(ctx context.Context, p *probe.Probe, method string, report func(Progress)) error {
	if method != ByPCA && method != ByUMAP {
		return fmt.Errorf("layouts: want %s or %s, got %q", ByPCA, ByUMAP, method)
	}
	epochs, err := p.Epochs()
	if err != nil {
		return err
	}
	list, err := keys(p, method, epochs)
	if err != nil {
		return err
	}
	var before []float32
	for i, epoch := range epochs {
		place, ok := l.kept(p, method, epoch, list[i])
		if !ok {
			now := func(share float64) error {
				report(Progress{epoch, i, len(epochs), share})
				return ctx.Err()
			}
			if place, err = l.place(p, method, epoch, before, now); err != nil {
				return err
			}
			place.Key = list[i]
			l.keep(method, epoch, place)
		}
		if place.Bad == "" {
			before = place.Points
		}
		report(Progress{epoch, i + 1, len(epochs), 0})
	}
	return nil
}

// place computes the layout of an epoch.
func (l *Layouts) place(p *probe.Probe, method string, epoch int, before []float32, progress func(float64) error,
) (Place, error) {
	if err := progress(0); err != nil {
		return Place{}, err
	}
	rows, err := l.Components(p, epoch)
	if bad := (*NotFinite)(nil); errors.As(err, &bad) {
		return Place{Bad: err.Error()}, nil
	}
	if err != nil {
		return Place{}, err
	}
	place := Place{Explained: rows.Explained}
	if method == ByUMAP {
		place.Points, err = UMAP(rows.Rows, rows.K, before, progress)
		return place, err
	}
	place.Points = make([]float32, 2*len(p.Labels))
	for i := range p.Labels {
		copy(place.Points[2*i:2*i+min(2, rows.K)], rows.Rows[i*rows.K:])
	}
	if before != nil {
		Align(place.Points, before, true)
	}
	return place, nil
}

// NotFinite says which feature is not a number or infinite.
type NotFinite struct {
	Image, Epoch int
	Value        float32
}

func (e *NotFinite) Error() string {
	return fmt.Sprintf("image %d of the probe set has the feature %v after epoch %d", e.Image, e.Value, e.Epoch)
}

// Components returns the principal components of the features after an epoch.
func (l *Layouts) Components(p *probe.Probe, epoch int) (PCA, error) {
	l.mu.Lock()
	rows, ok := l.rows[epoch]
	l.mu.Unlock()
	own, err := stamp(p, epoch)
	if err != nil {
		return PCA{}, err
	}
	if ok && rows.stamp == own {
		return rows, nil
	}
	features, d, err := p.Features(epoch)
	if err != nil {
		return PCA{}, err
	}
	for i, v := range features {
		if x := float64(v); math.IsNaN(x) || math.IsInf(x, 0) {
			return PCA{}, &NotFinite{i / d, epoch, v}
		}
	}
	if rows, err = Principal(features, d); err != nil {
		return PCA{}, fmt.Errorf("epoch %d: %w", epoch, err)
	}
	rows.stamp = own
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.rows) >= keptRows {
		clear(l.rows)
	}
	l.rows[epoch] = rows
	return rows, nil
}

// keep keeps a layout in memory and on the disk.
func (l *Layouts) keep(method string, epoch int, place Place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.places[method][epoch] = place
	if place.Bad != "" || l.note != "" {
		return
	}
	if err := l.write(method, epoch, place); err != nil {
		l.note = fmt.Sprintf("layouts cannot be kept beside the probe set, so they are made again next time: %v", err)
	}
}

func (l *Layouts) write(method string, epoch int, place Place) error {
	if err := os.Mkdir(l.dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := npy.Write(l.file(method, epoch), place.Points, len(place.Points)/2, 2); err != nil {
		return err
	}
	b, err := json.Marshal(l.places)
	if err != nil {
		return err
	}
	return durable.Write(l.path("layout.json"), func(w io.Writer) error {
		_, err := w.Write(append(b, '\n'))
		return err
	})
}
