package data

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"contralens/internal/machine"
	"contralens/views"
)

// PackOptions say how Pack writes shards.
type PackOptions struct {
	Short      int     // an image's shorter side is at most this many pixels; 0: as it is
	Quality    int     // of JPEG files that are written anew, 1 to 100
	ShardBytes int64   // a shard ends when it is as large
	Workers    int     // goroutines; 0: one a processor
	MaxBad     float64 // share of images that may be unreadable
	Note       func(string)
	Progress   func(part string, done, total int)
}

// Packed is what Pack wrote of a part.
type Packed struct {
	Part   string `json:"part"`
	Images int    `json:"images"`
	Shards int    `json:"shards"`
	Kept   int    `json:"kept"` // files taken over byte for byte
	Bad    int    `json:"bad"`
	Bytes  int64  `json:"bytes"`
}

// Pack writes the parts of a dataset as tar files in WebDataset's layout, one
// folder a part: key.jpg and, with classes, key.cls, in the dataset's order.
// JPEG and PNG files that are small enough stay as they are; larger ones are
// resized (bilinear with antialiasing, so that each pixel averages the area that
// it covers) and, like other formats, written as JPEG; images that are no files
// as PNG. Images that cannot be read are named, counted and left out. dst appears
// when all is done.
func Pack(ctx context.Context, dst string, p Parts, o PackOptions) ([]Packed, error) {
	if info, err := os.Stat(dst); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("%s: want a folder that is new or empty, but it is a file; choose another name", dst)
	}
	dst = filepath.Clean(dst)
	temporary, err := unfinishedPack(dst)
	if err != nil {
		return nil, err
	}
	if err := os.RemoveAll(temporary); err != nil { // of a killed process
		return nil, err
	}
	defer os.RemoveAll(temporary)
	var all []Packed
	for _, part := range []struct {
		name string
		d    Dataset
	}{{"train", p.Train}, {"val", p.Test}, {"unlabelled", p.Unlabeled}} {
		if part.d == nil {
			continue
		}
		result, err := packPart(ctx, filepath.Join(temporary, part.name), part.name, part.d, o)
		if err != nil {
			return nil, err
		}
		all = append(all, result)
	}
	if filepath.Dir(temporary) != dst {
		if err := os.Rename(temporary, dst); err != nil {
			return nil, fmt.Errorf("%s: %w", dst, reason(err))
		}
	} else {
		for _, r := range all {
			if err := os.Rename(filepath.Join(temporary, r.Part), filepath.Join(dst, r.Part)); err != nil {
				return nil, fmt.Errorf("%s: %w", dst, reason(err))
			}
		}
	}
	for _, r := range all {
		if _, err := openIndex(Options{Note: o.Note}, filepath.Join(dst, r.Part)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// unfinishedPack is the folder that parts are written to until all are whole:
// beside dst, or within it when it is there, since a disk may be mounted on it or
// somebody work in it.
func unfinishedPack(dst string) (string, error) {
	const name = ".partial"
	entries, err := os.ReadDir(dst)
	if err == nil {
		entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return e.Name() == name })
		if len(entries) > 0 {
			return "", fmt.Errorf("%s: want a folder that is new or empty, but it has %d files; choose another one or remove it", dst, len(entries))
		}
		return filepath.Join(dst, name), nil
	}
	if _, there := os.Lstat(dst); there == nil {
		return "", fmt.Errorf("%s: want a folder that is new or empty, but %w; choose another one", dst, reason(err))
	}
	return filepath.Join(filepath.Dir(dst), "."+filepath.Base(dst)+name), nil
}

// sample is an image on its way through the workers.
type sample struct {
	index int
	done  chan struct{}
	file  []byte
	ext   string
	kept  bool
	err   error
}

func packPart(ctx context.Context, dir, part string, d Dataset, o PackOptions) (r Packed, err error) {
	r.Part = part
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return r, fmt.Errorf("%s: %w", dir, reason(err))
	}
	ctx, stop := context.WithCancel(ctx)
	var wait sync.WaitGroup
	defer wait.Wait()
	defer stop()
	w := shardWriter{dir: dir, limit: o.ShardBytes}
	defer func() {
		if e := w.close(); err == nil {
			err = e
		}
		r.Shards, r.Bytes = w.shards, w.total
	}()
	limit := int(math.Ceil(o.MaxBad * float64(d.Len())))
	for s := range samples(ctx, d, o, &wait) {
		<-s.done
		if o.Progress != nil {
			o.Progress(part, s.index+1, d.Len())
		}
		if s.err != nil {
			if r.Bad++; r.Bad > limit {
				return r, fmt.Errorf("%d images cannot be read, and --max_bad %v allows %d of %d; the last is %w", r.Bad, o.MaxBad, limit, d.Len(), s.err)
			}
			if o.Note != nil {
				o.Note("left out: " + s.err.Error())
			}
			continue
		}
		if err := w.add(fmt.Sprintf("%08d", s.index), s.ext, s.file, d.Label(s.index)); err != nil {
			return r, err
		}
		r.Images++
		if s.kept {
			r.Kept++
		}
	}
	if err := ctx.Err(); err != nil {
		return r, fmt.Errorf("packing was stopped, nothing is left of it: %w", err)
	}
	if len(d.Classes()) == 0 {
		return r, nil
	}
	return r, os.WriteFile(filepath.Join(dir, "classes.txt"), []byte(strings.Join(d.Classes(), "\n")+"\n"), 0o644)
}

// samples starts workers that make the files of d's images, and gives the images
// in order: done is closed when a file is there. wait counts the goroutines,
// which end with the images or with ctx.
func samples(ctx context.Context, d Dataset, o PackOptions, wait *sync.WaitGroup) <-chan *sample {
	if o.Workers <= 0 {
		o.Workers = machine.Processors()
	}
	// Samples enter both channels in order; workers finish them in any order, the
	// writer waits for each. The channels' lengths bound the memory.
	work, ordered := make(chan *sample), make(chan *sample, 4*o.Workers)
	wait.Add(1 + o.Workers)
	go func() {
		defer wait.Done()
		defer close(work)
		defer close(ordered)
		for i := range d.Len() {
			s := &sample{index: i, done: make(chan struct{})}
			for _, c := range []chan *sample{work, ordered} {
				select {
				case c <- s:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	for range o.Workers {
		go func() {
			defer wait.Done()
			var p packer
			for s := range work {
				s.file, s.ext, s.kept, s.err = p.pack(d, s.index, o)
				close(s.done)
			}
		}()
	}
	return ordered
}

// packer has the buffers of one worker.
type packer struct {
	image, small views.Image
	sc           views.Scratch
	rgba         image.RGBA
}

// pack makes the file of an image.
func (p *packer) pack(d Dataset, i int, o PackOptions) (file []byte, ext string, kept bool, err error) {
	if file, err = decodeWhole(d, i, nil, &p.image); err != nil {
		return nil, "", false, err
	}
	m := &p.image
	short := min(m.W, m.H)
	switch kind := format(file); {
	case o.Short > 0 && short > o.Short:
		w, h := scaled(m.W, short, o.Short), scaled(m.H, short, o.Short)
		views.ResizedCrop(&p.small, m, views.Box{W: m.W, H: m.H}, w, h, &p.sc)
		m = &p.small
	case kind == "JPEG":
		return file, "jpg", true, nil
	case kind == "PNG":
		return file, "png", true, nil
	}
	var b bytes.Buffer
	if file == nil && m == &p.image {
		err = png.Encode(&b, p.opaque(m))
		return b.Bytes(), "png", false, err
	}
	err = jpeg.Encode(&b, p.opaque(m), &jpeg.Options{Quality: o.Quality})
	return b.Bytes(), "jpg", false, err
}

// scaled is a side of an image whose shorter side goes from short to want.
func scaled(side, short, want int) int {
	return max(1, int(math.RoundToEven(float64(side)*float64(want)/float64(short))))
}

// opaque is the image as Go's encoders are fast at.
func (p *packer) opaque(m *views.Image) *image.RGBA {
	n := 4 * m.W * m.H
	if cap(p.rgba.Pix) < n {
		p.rgba.Pix = make([]uint8, n)
	}
	p.rgba.Pix, p.rgba.Stride, p.rgba.Rect = p.rgba.Pix[:n], 4*m.W, image.Rect(0, 0, m.W, m.H)
	for i, j := 0, 0; j < n; i, j = i+3, j+4 {
		copy(p.rgba.Pix[j:j+3], m.Pix[i:i+3])
		p.rgba.Pix[j+3] = 255
	}
	return &p.rgba
}

// shardWriter writes samples into one tar file after the other.
type shardWriter struct {
	dir    string
	limit  int64
	shards int
	size   int64 // of the open shard
	total  int64
	file   *os.File
	buffer *bufio.Writer
	tar    *tar.Writer
}

func (w *shardWriter) add(key, ext string, file []byte, label int) error {
	if w.file == nil {
		var err error
		if w.file, err = os.Create(filepath.Join(w.dir, fmt.Sprintf("%06d.tar", w.shards))); err != nil {
			return err
		}
		w.buffer = bufio.NewWriterSize(w.file, 1<<20)
		w.tar = tar.NewWriter(w.buffer)
		w.shards++
	}
	if err := w.member(key+"."+ext, file); err != nil {
		return err
	}
	if label >= 0 {
		if err := w.member(key+".cls", []byte(strconv.Itoa(label))); err != nil {
			return err
		}
	}
	if w.size >= w.limit {
		return w.close()
	}
	return nil
}

func (w *shardWriter) member(name string, content []byte) error {
	// A fixed time makes the same images the same shards.
	h := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
	if err := w.tar.WriteHeader(h); err != nil {
		return err
	}
	_, err := w.tar.Write(content)
	w.size += 512 + (h.Size+511)/512*512
	return err
}

// close ends the open shard.
func (w *shardWriter) close() error {
	if w.file == nil {
		return nil
	}
	err := w.tar.Close()
	for _, f := range []func() error{w.buffer.Flush, w.file.Sync, w.file.Close} {
		if e := f(); err == nil {
			err = e
		}
	}
	w.total += w.size + 1024
	w.file, w.size = nil, 0
	if err != nil {
		return fmt.Errorf("%s: %w", w.dir, reason(err))
	}
	return nil
}
