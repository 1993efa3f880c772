package dashboard

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"time"

	"gonum.org/v1/gonum/mat"

	"contralens/features/probe"
	"contralens/internal/humanize"
)

const (
	maxMapped  = 2000 // maximum number of images in an embedding
	components = 30   // principal components sent to the browser, for UMAP
	keptMaps   = 32   // embeddings cached per run
)

// embedding has the probe's features projected on their principal components.
type embedding struct {
	Epoch      int         `json:"epoch"`
	Epochs     []int       `json:"epochs"` // epochs with features
	Images     []int       `json:"images"` // indices into the probe
	Labels     []int       `json:"labels"` // of these images; -1 without a class
	Classes    []string    `json:"classes"`
	Paths      []string    `json:"paths"`      // of all images of the probe, by index; empty if unknown
	Components [][]float64 `json:"components"` // [images, up to 30]
	Explained  []float64   `json:"explained"`  // share of the variance per component
	Thumbnail  int         `json:"thumbnail"`  // side in pixels
	Columns    int         `json:"columns"`    // thumbnails per row of the sheet

	written time.Time // time at which the features were written
}

// embed projects the features after an epoch; epoch < 0 is the last one. The caller
// holds the lock.
func (r *run) embed(epoch int) (*embedding, error) {
	if err := r.validate(); err != nil {
		return nil, err
	}
	p, err := probe.Open(probe.Dir(filepath.Join(r.server.path, filepath.FromSlash(r.id))))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w; contralens contrast --probe N keeps one", err)
	}
	if err != nil {
		return nil, err
	}
	epochs, err := p.Epochs()
	if err != nil {
		return nil, err
	}
	if len(epochs) == 0 {
		return nil, fmt.Errorf("%s: the probe set has no features yet; the first epoch writes them", r.id)
	}
	if epoch < 0 {
		epoch = epochs[len(epochs)-1]
	}
	written, err := p.Written(epoch)
	if err != nil {
		return nil, err
	}
	if m := r.mapped[epoch]; m != nil && m.written.Equal(written) {
		now := *m // others may be encoding m
		now.Epochs = epochs
		return &now, nil
	}
	features, dim, err := p.Features(epoch)
	if err != nil {
		return nil, err
	}
	m := &embedding{
		Epoch: epoch, Epochs: epochs, Classes: humanize.Texts(p.Classes), Paths: humanize.Texts(p.Paths),
		Thumbnail: p.Thumbnail, Columns: p.Columns, written: written,
	}
	n := len(p.Labels)
	for i := range min(n, maxMapped) {
		m.Images = append(m.Images, i*n/min(n, maxMapped))
	}
	rows := mat.NewDense(len(m.Images), dim, nil)
	for i, image := range m.Images {
		m.Labels = append(m.Labels, p.Labels[image])
		for j, v := range features[image*dim : (image+1)*dim] {
			if x := float64(v); math.IsNaN(x) || math.IsInf(x, 0) {
				return nil, fmt.Errorf("%s: image %d of the probe set has the feature %v after epoch %d", r.id, image, v, epoch)
			}
			rows.Set(i, j, float64(v))
		}
	}
	m.Components, m.Explained, err = principal(rows, components)
	if err != nil {
		return nil, fmt.Errorf("%s: epoch %d: %w", r.id, epoch, err)
	}
	if r.mapped == nil || len(r.mapped) >= keptMaps {
		r.mapped = map[int]*embedding{}
	}
	r.mapped[epoch] = m
	return m, nil
}

// principal projects rows [n, d] on their first k principal components, each oriented
// so that its largest element is positive, and returns the share of the variance of
// each. It uses the eigenvectors of the smaller of the covariance, [d, d], and the Gram
// matrix, [n, n].
func principal(rows *mat.Dense, k int) (projected [][]float64, explained []float64, err error) {
	n, d := rows.Dims()
	for j := range d {
		column := mat.Col(nil, j, rows)
		m := mean(column)
		for i := range column {
			rows.Set(i, j, column[i]-m)
		}
	}
	var square mat.SymDense
	if d <= n {
		square.SymOuterK(1, rows.T())
	} else {
		square.SymOuterK(1, rows)
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(&square, true) {
		return nil, nil, fmt.Errorf("the principal components of the features [%d, %d] could not be found", n, d)
	}
	values := eigen.Values(nil)
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	total := 0.0
	for _, v := range values {
		total += max(0, v)
	}
	size := len(values)
	k = min(k, size)
	projected = make([][]float64, n)
	for c := range k {
		at := size - 1 - c // ascending order
		axis := mat.NewVecDense(size, mat.Col(nil, at, &vectors))
		coordinates := make([]float64, n)
		if d <= n {
			var onto mat.VecDense
			onto.MulVec(rows, axis)
			copy(coordinates, onto.RawVector().Data)
		} else {
			for i := range coordinates {
				coordinates[i] = axis.AtVec(i) * math.Sqrt(max(0, values[at]))
			}
		}
		sign, largest := 1.0, 0.0
		for _, v := range coordinates {
			if math.Abs(v) > largest+1e-12 {
				largest, sign = math.Abs(v), math.Copysign(1, v)
			}
		}
		for i, v := range coordinates {
			projected[i] = append(projected[i], sign*v)
		}
		share := 0.0
		if total > 0 {
			share = max(0, values[at]) / total
		}
		explained = append(explained, share)
	}
	return projected, explained, nil
}
