// Package table stores the features of many images in a file and searches it for the
// nearest neighbors of an image. Extract writes the file, Search and Nearest read it.
// None of them has more than a batch in memory, except Extract for a list of neighbors.
package table

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"contralens/data"
	"contralens/features"
	"contralens/internal/durable"
	"contralens/internal/npy"
	"contralens/nn"
	"contralens/prefetch"
	"contralens/torch"
)

// ErrStopped is the error of an extraction whose context ended. Extract can resume it.
var ErrStopped = errors.New("stopped")

// Job describes an extraction.
type Job struct {
	Out   string            // .parquet or .npy
	Root  string            // folder that the paths in the file are relative to
	Meta  map[string]string // how the features were made; stored in the file, and must be equal to resume
	Fresh bool              // discard an unfinished file instead of resuming it
	Columns
	// Note, if set, receives sentences for the user.
	Note func(format string, args ...any)
}

// partial is an unfinished extraction beside Out: the rows as .npy, and a description
// of what they belong to.
type partial struct {
	rows, about string
	header      []byte
	dim         int
}

// Extract writes the features of every image of d as one row each. An image that cannot
// be read gets a row of NaN; bad counts these, of this call. When ctx ends, Extract keeps what is
// done and returns ErrStopped; the next call with the same job resumes. Of several processes
// (o.Peers), which share the work, the first writes.
func Extract(ctx context.Context, m *nn.Model, d data.Dataset, o features.Options, j Job) (bad int, err error) {
	if ext := filepath.Ext(j.Out); ext != ".parquet" && ext != ".npy" {
		return 0, fmt.Errorf("%s: want a name that ends in .parquet or .npy", j.Out)
	}
	if j.Note == nil {
		j.Note = func(string, ...any) {}
	}
	if filepath.Ext(j.Out) == ".npy" {
		for i := range d.Len() {
			if strings.ContainsAny(d.Path(i), "\r\n") {
				return 0, fmt.Errorf("image %q has a line break in its name, which the list beside an .npy file cannot hold: "+
					"write a .parquet file, or rename it", d.Path(i))
			}
		}
	}
	p := partial{rows: j.Out + ".partial", about: j.Out + ".partial.json", dim: m.FeatureDim()}
	p.header = npy.Encode(d.Len(), p.dim)
	if o.Batch == 0 {
		o.Batch = 256
	}
	var f *os.File
	var w *bufio.Writer // of the first process
	err = o.Peers.ByFirst(func() (err error) {
		if f, o.First, err = p.open(j, d, o.Batch); err == nil {
			w = bufio.NewWriterSize(f, 1<<20)
		}
		return err
	})
	if f != nil {
		defer f.Close()
	}
	if err != nil {
		return 0, err
	}
	if !o.Peers.One() {
		_, o.First, _ = o.Peers.Loudest(o.First, "")
	}
	if o.First > 0 {
		j.Note("resuming after %d of %d images", min(o.First*o.Batch, d.Len()), d.Len())
	}
	whole, unreadable := data.WithPlaceholder(d, func(err error) { j.Note("%v: its features are NaN", err) })
	o.Context, o.Missing = ctx, unreadable.Unreadable
	err = features.EachBatch(m, whole, o, func(features *torch.Tensor, b *prefetch.Batch) error {
		rows := features.Float32s()
		for i, index := range b.Indices {
			if math.IsNaN(float64(rows[i*p.dim])) {
				bad++
				if !unreadable.Unreadable(index) { // another process has said why, to nobody
					j.Note("%s cannot be read: its features are NaN", d.Path(index))
				}
			}
		}
		if w == nil {
			return nil
		}
		_, err := w.Write(npy.Append(nil, rows))
		return err
	})
	if err != nil && errors.Is(err, ctx.Err()) {
		err = ErrStopped
	}
	if w != nil {
		if flushed := w.Flush(); err == nil || errors.Is(err, ErrStopped) {
			err = errors.Join(err, flushed, f.Sync())
		}
	}
	if err != nil {
		return 0, err
	}
	stopped, err := o.Peers.StoppedByFirst(func() error { return p.finish(ctx, j, d) },
		func(err error) bool { return errors.Is(err, ctx.Err()) })
	if stopped {
		err = ErrStopped
	}
	return bad, err
}

// about identifies everything that the rows depend on, with the job's metadata meta.
func about(meta map[string]string, d data.Dataset) string {
	h := sha256.New()
	text, _ := json.Marshal(meta) // keys are sorted
	h.Write(text)
	for i := range d.Len() {
		size := int64(-1)
		if info, err := os.Stat(d.Path(i)); err == nil {
			size = info.Size()
		}
		fmt.Fprintf(h, "%s\n%d\n", d.Path(i), size)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// open creates the partial file, or resumes one of the same job. first is the index of
// the first batch to compute.
func (p partial) open(j Job, d data.Dataset, batch int) (f *os.File, first int, err error) {
	id := about(j.Meta, d)
	old, _ := os.ReadFile(p.about)
	same := string(old) == id
	if was := older(j.Meta); !same && was != nil {
		same = string(old) == about(was, d)
	}
	rows := int64(0)
	if info, err := os.Stat(p.rows); err == nil && same && !j.Fresh {
		rows = max(0, (info.Size()-int64(len(p.header)))/int64(4*p.dim))
	} else if err == nil && !j.Fresh {
		j.Note("%s belongs to other images or another encoder: starting over", p.rows)
	}
	if rows < int64(d.Len()) {
		rows -= rows % int64(batch) // whole batches
	}
	if rows == 0 {
		err := durable.Write(p.about, func(w io.Writer) error { _, err := io.WriteString(w, id); return err })
		if err != nil {
			return nil, 0, err
		}
		if err := os.WriteFile(p.rows, p.header, 0o644); err != nil {
			return nil, 0, err
		}
	}
	if f, err = os.OpenFile(p.rows, os.O_RDWR, 0); err != nil {
		return nil, 0, err
	}
	end := int64(len(p.header)) + rows*int64(4*p.dim)
	if err = f.Truncate(end); err == nil {
		_, err = f.Seek(end, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, int((rows + int64(batch) - 1) / int64(batch)), nil
}

// finish converts the complete partial file to Out.
func (p partial) finish(ctx context.Context, j Job, d data.Dataset) error {
	if filepath.Ext(j.Out) == ".npy" {
		list := strings.TrimSuffix(j.Out, ".npy") + ".txt"
		err := durable.Write(list, func(w io.Writer) error {
			for i := range d.Len() {
				if _, err := fmt.Fprintln(w, relative(j.Root, d.Path(i))); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := os.Rename(p.rows, j.Out); err != nil {
			return err
		}
		return os.Remove(p.about)
	}
	f, err := os.Open(p.rows)
	if err != nil {
		return err
	}
	defer f.Close()
	err = durable.Write(j.Out, func(w io.Writer) error {
		return writeParquet(ctx, w, matrix{f, int64(len(p.header)), d.Len(), p.dim}, d, j)
	})
	if err != nil {
		return err
	}
	return errors.Join(os.Remove(p.rows), os.Remove(p.about))
}

func relative(root, path string) string {
	if r, err := filepath.Rel(root, path); err == nil {
		return filepath.ToSlash(r)
	}
	return path
}
