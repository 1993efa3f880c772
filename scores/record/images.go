package record

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"sort"

	"contralens/internal/durable"
)

// ImagesHeader is images.json, which describes the rows of images.bin: which images were behind
// the gradient of some steps. docs/record-format.md describes both files.
type ImagesHeader struct {
	Format     string `json:"format"`      // always "contralens-images"
	Version    int    `json:"version"`     // 1
	Every      int    `json:"every"`       // steps from one row to the next
	Queries    int    `json:"queries"`     // of a row
	Negatives  int    `json:"negatives"`   // of a query
	Total      int    `json:"images"`      // images of the dataset
	EpochSteps int    `json:"epoch_steps"` // steps of an epoch, from which the epoch of a crop follows
	QueryCrop  int    `json:"query_crop"`  // the crop of its image that a query is
	KeyCrop    int    `json:"key_crop"`    // the crop that its key is; -1: the key is of earlier crops
	// Sample tells the dataset from others; nil in older records.
	Sample *Sample `json:"sample,omitempty"`
}

// ImagesRow is one step's row.
type ImagesRow struct {
	Step    int // from 1
	Queries []Query
}

// Query is a query of a step. An image of -1 fills a row up.
type Query struct {
	Image     int
	Positive  float64 // its positive score
	Weight    float64 // share of the negatives in the softmax over all its scores
	Negatives []Negative
}

// Negative is a negative of a query. Image, Step and Crop say which key it is, -1 where nothing is known;
// Mixed says the same of the key that it was mixed with, with weights Lambda and 1-Lambda.
type Negative struct {
	Key, Mixed           Key
	Lambda, Score, Share float64 // Share: of the gradient that the query's negatives give
}

// Key is where a key comes from: the crop of an image, in a step.
type Key struct{ Image, Step, Crop int }

const (
	imagesFormat = "contralens-images"
	maxQueries   = 1 << 12
	wordsOfQuery = 3
	wordsOfHeavy = 9
)

// NewImagesHeader returns a header of format and version.
func NewImagesHeader(h ImagesHeader) ImagesHeader {
	h.Format, h.Version = imagesFormat, version
	return h
}

func (h ImagesHeader) check() error {
	switch {
	case h.Format != imagesFormat || h.Version != version:
		return fmt.Errorf("want format %q, version %d, got %q, version %d (written by another version of contralens?)",
			imagesFormat, version, h.Format, h.Version)
	case h.Every < 1 || h.Queries < 1 || h.Queries > maxQueries || h.Negatives < 0 || h.Negatives > maxQueries ||
		h.EpochSteps < 1 || h.Total < 1:
		return fmt.Errorf("want every, queries, epoch_steps and images of 1 or more, and at most %d queries and negatives, "+
			"got %+v", maxQueries, h)
	}
	return nil
}

// size is the number of bytes of a row.
func (h ImagesHeader) size() int { return 4 * (1 + h.Queries*(wordsOfQuery+h.Negatives*wordsOfHeavy)) }

// Epoch is the epoch of a step, from 1.
func (h ImagesHeader) Epoch(step int) int { return (step-1)/h.EpochSteps + 1 }

func imagesHeaderPath(dir string) string { return filepath.Join(dir, "images.json") }
func imagesPath(dir string) string       { return filepath.Join(dir, "images.bin") }

// ImagesWriter appends rows to images.bin.
type ImagesWriter struct {
	h    ImagesHeader
	f    *os.File
	last int // step of the last row
}

// NewImagesWriter starts images.bin in dir, the folder of a record, or continues an existing one
// after resumeStep steps of training and drops later rows. It replaces one with another header.
func NewImagesWriter(dir string, h ImagesHeader, resumeStep int) (w *ImagesWriter, err error) {
	explain := func(err error) error { return fmt.Errorf("images of the scores: %w", durable.Explain(err)) }
	if err := h.check(); err != nil {
		return nil, explain(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, explain(err)
	}
	old, err := readImagesHeader(dir)
	same := old
	same.Sample = h.Sample // older records have none
	if err != nil || !reflect.DeepEqual(same, h) {
		b, err := json.MarshalIndent(h, "", " ")
		if err == nil {
			err = os.Remove(imagesPath(dir))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, explain(err)
		}
		temporary := imagesHeaderPath(dir) + ".new"
		err = os.WriteFile(temporary, append(b, '\n'), 0o644)
		if err == nil {
			err = os.Rename(temporary, imagesHeaderPath(dir))
		}
		if err != nil {
			return nil, explain(err)
		}
	}
	w = &ImagesWriter{h: h}
	if w.f, err = os.OpenFile(imagesPath(dir), os.O_RDWR|os.O_CREATE, 0o644); err != nil {
		return nil, explain(err)
	}
	rows := &Images{ImagesHeader: h, dir: dir}
	n, err := rows.count(w.f)
	if err == nil {
		n, err = rows.search(w.f, n, resumeStep+1)
	}
	if err == nil {
		err = w.f.Truncate(int64(n) * int64(h.size()))
	}
	if err == nil && n > 0 {
		w.last, err = rows.step(w.f, n-1)
	}
	if err == nil {
		_, err = w.f.Seek(0, io.SeekEnd)
	}
	if err != nil {
		w.f.Close()
		return nil, explain(err)
	}
	return w, nil
}

// Add appends a row. Queries and negatives beyond those of the header are left out.
func (w *ImagesWriter) Add(row ImagesRow) error {
	if row.Step <= w.last {
		return fmt.Errorf("images of the scores: want a step after %d, got %d", w.last, row.Step)
	}
	b := make([]byte, 0, w.h.size())
	number := func(v int) { b = binary.LittleEndian.AppendUint32(b, uint32(int32(v))) }
	value := func(v float64) { b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v))) }
	key := func(k Key) { number(k.Image); number(k.Step); number(k.Crop) }
	number(row.Step)
	none := Key{-1, -1, -1}
	for i := range w.h.Queries {
		q := Query{Image: -1}
		if i < len(row.Queries) {
			q = row.Queries[i]
		}
		number(q.Image)
		value(q.Positive)
		value(q.Weight)
		for j := range w.h.Negatives {
			n := Negative{Key: none, Mixed: none}
			if j < len(q.Negatives) {
				n = q.Negatives[j]
			}
			key(n.Key)
			key(n.Mixed)
			value(n.Lambda)
			value(n.Score)
			value(n.Share)
		}
	}
	w.last = row.Step
	if _, err := w.f.Write(b); err != nil {
		return fmt.Errorf("images of the scores: %w", durable.Explain(err))
	}
	return nil
}

// Close closes the file.
func (w *ImagesWriter) Close() error { return w.f.Close() }

// Images reads images.bin, even while a training writes it.
type Images struct {
	ImagesHeader
	dir string
}

// OpenImages opens the images of the record in dir. An error that is fs.ErrNotExist says that the record
// has none.
func OpenImages(dir string) (*Images, error) {
	h, err := readImagesHeader(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &noImages{dir}
	}
	if err != nil {
		return nil, err
	}
	return &Images{h, dir}, nil
}

// noImages is the error of a record without images.
type noImages struct{ dir string }

func (e *noImages) Error() string {
	return fmt.Sprintf("the record in %s does not know the images behind its scores: an older version wrote it, or the "+
		"method has no negatives", e.dir)
}

func (*noImages) Unwrap() error { return fs.ErrNotExist }

func readImagesHeader(dir string) (h ImagesHeader, err error) {
	path := imagesHeaderPath(dir)
	info, err := os.Stat(path)
	if err != nil {
		return h, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxHeader {
		return h, fmt.Errorf("%s: want a file of at most %d bytes, got %d", path, maxHeader, info.Size())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return h, err
	}
	if err := json.Unmarshal(b, &h); err != nil {
		return h, fmt.Errorf("%s: want JSON: %w", path, err)
	}
	if err := h.check(); err != nil {
		return h, fmt.Errorf("%s: %w", path, err)
	}
	return h, nil
}

// Near returns the row of the step nearest to step.
func (r *Images) Near(step int) (row ImagesRow, err error) {
	f, err := os.Open(imagesPath(r.dir))
	if err != nil {
		return row, err
	}
	defer f.Close()
	n, err := r.count(f)
	if err != nil {
		return row, err
	}
	if n == 0 {
		return row, fmt.Errorf("%s: no step has been traced so far", imagesPath(r.dir))
	}
	at, err := r.search(f, n, step)
	if err != nil {
		return row, err
	}
	if at == n {
		at--
	} else if at > 0 {
		before, err := r.step(f, at-1)
		if err != nil {
			return row, err
		}
		after, err := r.step(f, at)
		if err != nil {
			return row, err
		}
		if step-before <= after-step {
			at--
		}
	}
	b := make([]byte, r.size())
	if _, err := f.ReadAt(b, int64(at)*int64(len(b))); err != nil {
		return row, err
	}
	return r.decode(b)
}

// count returns the number of complete rows.
func (r *Images) count(f *os.File) (int, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return int(info.Size() / int64(r.size())), nil
}

// step reads the step of row i.
func (r *Images) step(f *os.File, i int) (int, error) {
	var b [4]byte
	_, err := f.ReadAt(b[:], int64(i)*int64(r.size()))
	return int(int32(binary.LittleEndian.Uint32(b[:]))), err
}

// search returns the first of n rows whose step is at least step; n if there is none.
func (r *Images) search(f *os.File, n, step int) (at int, err error) {
	at = sort.Search(n, func(i int) bool {
		s, e := r.step(f, i)
		err = errors.Join(err, e)
		return s >= step
	})
	return at, err
}

// decode reads a row. Numbers that no training writes are an error.
func (r *Images) decode(b []byte) (row ImagesRow, err error) {
	number := func() int {
		v := int(int32(binary.LittleEndian.Uint32(b)))
		b = b[4:]
		return v
	}
	value := func() float64 {
		v := float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
		b = b[4:]
		if math.IsNaN(v) || math.IsInf(v, 0) {
			v = 0
		}
		return v
	}
	key := func() Key {
		k := Key{number(), number(), number()}
		if k.Image >= r.Total || k.Image < -1 || k.Step > maxSteps || k.Crop > 1<<8 {
			err = fmt.Errorf("%s: want an image below %d, got %+v (damaged?)", imagesPath(r.dir), r.Total, k)
		}
		return k
	}
	row.Step = number()
	for range r.ImagesHeader.Queries {
		q := Query{Image: number(), Positive: value(), Weight: value()}
		if q.Image >= r.Total {
			err = fmt.Errorf("%s: want an image below %d, got %d (damaged?)", imagesPath(r.dir), r.Total, q.Image)
		}
		for range r.ImagesHeader.Negatives {
			n := Negative{Key: key(), Mixed: key(), Lambda: value(), Score: value(), Share: value()}
			if n.Share > 0 {
				q.Negatives = append(q.Negatives, n)
			}
		}
		if q.Image >= 0 {
			row.Queries = append(row.Queries, q)
		}
	}
	return row, err
}
