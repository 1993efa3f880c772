// Package probe stores the features of a fixed set of images after every epoch, and
// thumbnails of the images, for the dashboard's embedding view. A probe is a folder,
// <run>/scores/probe:
//
//	probe.json       the images, their labels, the layout of the thumbnails
//	thumbnails.png   the thumbnails, row by row in Columns columns
//	epoch_EEE.npy    float32 [N, D]: the features after epoch EEE
//
// Create starts a probe and Add writes the features of an epoch; Open reads them.
package probe

import (
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	"golang.org/x/image/draw"

	"contralens/internal/npy"
)

// Dir returns the folder of the probe in a run directory.
func Dir(run string) string { return filepath.Join(run, "scores", "probe") }

// Images describes the images of a probe.
type Images struct {
	Labels    []int    `json:"labels"`          // per image, an index into Classes or -1
	Classes   []string `json:"classes"`         // may be empty
	Paths     []string `json:"paths,omitempty"` // the images' files; older runs have none
	Thumbnail int      `json:"thumbnail"`       // side of a thumbnail in pixels
	Columns   int      `json:"columns"`         // columns of thumbnails.png
}

const (
	// MaxImages is the largest number of images in a probe.
	MaxImages = 20_000
	maxJSON   = 16 << 20
	maxPixels = 256 // largest side of a thumbnail
	maxValues = 1 << 28
)

func (p Images) check() error {
	switch {
	case len(p.Labels) < 1 || len(p.Labels) > MaxImages:
		return fmt.Errorf("want 1 to %d images, got %d", MaxImages, len(p.Labels))
	case p.Thumbnail < 1 || p.Thumbnail > maxPixels:
		return fmt.Errorf("want thumbnails of 1 to %d pixels, got %d", maxPixels, p.Thumbnail)
	case p.Columns < 1 || p.Columns > MaxImages:
		return fmt.Errorf("want 1 to %d columns, got %d", MaxImages, p.Columns)
	}
	if len(p.Paths) > 0 && len(p.Paths) != len(p.Labels) {
		return fmt.Errorf("want a path for each of the %d images, or none, got %d", len(p.Labels), len(p.Paths))
	}
	for i, l := range p.Labels {
		if l < -1 || l >= max(1, len(p.Classes)) {
			return fmt.Errorf("image %d: want a label below %d, got %d", i, len(p.Classes), l)
		}
	}
	return nil
}

// Probe reads a probe. Features of later epochs appear as they are written.
type Probe struct {
	Images
	dir string
}

// Open opens the probe in dir, <run>/scores/probe.
func Open(dir string) (*Probe, error) {
	path := filepath.Join(dir, "probe.json")
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: want a probe set with probe.json, found none; was the run made with one? (%w)",
			dir, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxJSON {
		return nil, fmt.Errorf("%s: want a file of at most %d bytes, got %d", path, maxJSON, info.Size())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	p := &Probe{dir: dir}
	if err := json.Unmarshal(b, &p.Images); err != nil {
		return nil, fmt.Errorf("%s: want JSON: %w", path, err)
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// Epochs returns the epochs that have features, in ascending order; 0 is before
// training.
func (p *Probe) Epochs() ([]int, error) {
	paths, err := filepath.Glob(filepath.Join(p.dir, "epoch_*.npy"))
	if err != nil {
		return nil, err
	}
	var epochs []int
	for _, path := range paths {
		text := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "epoch_"), ".npy")
		if e, err := strconv.Atoi(text); err == nil && e >= 0 {
			epochs = append(epochs, e)
		}
	}
	sort.Ints(epochs)
	return epochs, nil
}

func (p *Probe) path(epoch int) string {
	return filepath.Join(p.dir, fmt.Sprintf("epoch_%03d.npy", epoch))
}

// Written returns the time at which the features after an epoch were written.
func (p *Probe) Written(epoch int) (time.Time, error) {
	info, err := os.Stat(p.path(epoch))
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}

// Features returns the features after an epoch, [N, dim] row by row.
func (p *Probe) Features(epoch int) (features []float32, dim int, err error) {
	path := p.path(epoch)
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	h, err := npy.ReadHeader(f, info.Size())
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", path, err)
	}
	if len(h.Shape) != 2 || h.Shape[0] != len(p.Labels) || h.Shape[1] < 1 || h.Len() > maxValues {
		return nil, 0, fmt.Errorf("%s: want an array [%d, D] of at most %d values, got %v",
			path, len(p.Labels), maxValues, h.Shape)
	}
	features, _, err = npy.Read(path)
	return features, h.Shape[1], err
}

// Thumbnails returns the path of the image with all thumbnails. That of image i is in
// column i mod Columns of row i / Columns.
func (p *Probe) Thumbnails() string { return filepath.Join(p.dir, "thumbnails.png") }

// Create creates a probe in dir. It scales each picture to fit a thumbnail, chooses
// Columns, and removes the features of an earlier probe.
func Create(dir string, set Images, pictures []image.Image) (*Probe, error) {
	set.Columns = 1
	for set.Columns*set.Columns < len(set.Labels) {
		set.Columns++
	}
	if err := set.check(); err != nil {
		return nil, fmt.Errorf("probe set: %w", err)
	}
	if len(pictures) != len(set.Labels) {
		return nil, fmt.Errorf("probe set: want %d pictures, got %d", len(set.Labels), len(pictures))
	}
	p := &Probe{Images: set, dir: dir}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	epochs, err := p.Epochs()
	if err != nil {
		return nil, err
	}
	for _, e := range epochs {
		if err := os.Remove(p.path(e)); err != nil {
			return nil, err
		}
	}
	if err := p.writeThumbnails(pictures); err != nil {
		return nil, fmt.Errorf("probe set: %w", err)
	}
	b, err := json.Marshal(set)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "probe.json")
	if err := os.WriteFile(path+".new", append(b, '\n'), 0o644); err != nil {
		return nil, err
	}
	return p, os.Rename(path+".new", path)
}

func (p *Probe) writeThumbnails(pictures []image.Image) error {
	side := p.Thumbnail
	sheet := image.NewNRGBA(image.Rect(0, 0, p.Columns*side, (len(pictures)+p.Columns-1)/p.Columns*side))
	for i, picture := range pictures {
		corner := image.Pt(i%p.Columns*side, i/p.Columns*side)
		w, h := picture.Bounds().Dx(), picture.Bounds().Dy()
		w, h = max(1, w*side/max(w, h)), max(1, h*side/max(w, h))
		r := image.Rect(0, 0, w, h).Add(corner).Add(image.Pt((side-w)/2, (side-h)/2))
		draw.CatmullRom.Scale(sheet, r, picture, picture.Bounds(), draw.Src, nil)
	}
	f, err := os.Create(p.Thumbnails())
	if err != nil {
		return err
	}
	if err := png.Encode(f, sheet); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// Add writes the features after an epoch, [N, dim].
func (p *Probe) Add(epoch int, features []float32, dim int) error {
	if dim < 1 || len(features) != len(p.Labels)*dim {
		return fmt.Errorf("probe set: want %d features of %d values, got %d values", len(p.Labels), dim, len(features))
	}
	return npy.Write(p.path(epoch), features, len(p.Labels), dim)
}
