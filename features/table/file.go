package table

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"

	"contralens/data"
	"contralens/internal/npy"
)

// Row is the features of one image.
type Row struct {
	Path    string    `parquet:"path"` // relative to the folder
	Feature []float32 `parquet:"feature"`
}

const (
	rowsAtOnce = 256
	groupRows  = 4096 // rows per row group, the unit in which parquet is written and read
)

// writeParquet writes the rows of m with the other columns to a parquet file, and the
// job's Meta as metadata. Call it inside torch.Run.
func writeParquet(ctx context.Context, w io.Writer, m matrix, d data.Dataset, j Job) error {
	folder, err := filepath.Abs(j.Root) // the file may be read from another folder
	if err != nil {
		return err
	}
	near := make([]neighbors, m.n)
	switch {
	case m.n*m.d > maxSearched && j.Columns.Neighbors > 0:
		j.Note("%d images with %d features are too many for a list of neighbors: the column is empty; search "+
			"for those of single images instead", m.n, m.d)
	case j.Columns.Neighbors > 0:
		if near, err = m.search(ctx, j.Columns.Neighbors); err != nil {
			return err
		}
	}
	mean, axes, err := m.components()
	if err != nil {
		return err
	}
	options := []parquet.WriterOption{
		parquet.MaxRowsPerRowGroup(groupRows), parquet.KeyValueMetadata("folder", folder),
		parquet.KeyValueMetadata("layout", "x, y: principal components of the features of unit length"),
	}
	for _, key := range slices.Sorted(maps.Keys(j.Meta)) {
		options = append(options, parquet.KeyValueMetadata(key, j.Meta[key]))
	}
	out := parquet.NewGenericWriter[line](w, options...)
	for start := 0; start < m.n; start += rowsAtOnce {
		end := min(m.n, start+rowsAtOnce)
		pictures := thumbnails(ctx, d, start, end, j.Columns.Thumbnail)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for i := start; i < end; i++ {
			row, err := m.row(i)
			if err != nil {
				return err
			}
			name := relative(j.Root, d.Path(i))
			l := line{
				Path: name, Label: label(name), Neighbors: near[i], Thumbnail: pictures[i-start], Feature: slices.Clone(row),
			}
			row, _ = unit(row)
			l.X, l.Y = float32(project(row, mean, axes[0])), float32(project(row, mean, axes[1]))
			if _, err := out.Write([]line{l}); err != nil {
				return err
			}
		}
	}
	return out.Close()
}

func floats(raw []byte) []float32 {
	values := make([]float32, len(raw)/4)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return values
}

// Each calls use with every row of a file that Extract wrote, in order, and returns the
// file's metadata. The memory of a row is reused for later ones.
func Each(path string, use func(Row) error) (meta map[string]string, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: want a file written by contralens features: %w", path, err)
		}
	}()
	switch filepath.Ext(path) {
	case ".parquet":
		return eachParquet(path, use)
	case ".npy":
		return nil, eachNpy(path, use)
	}
	return nil, errors.New("its name ends in neither .parquet nor .npy")
}

func eachParquet(path string, use func(Row) error) (meta map[string]string, err error) {
	defer func() {
		if r := recover(); r != nil { // the library panics on some damaged files
			err = fmt.Errorf("it is damaged (%v)", r)
		}
	}()
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	p, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		return nil, err
	}
	for _, column := range []string{"path", "feature"} {
		if _, ok := p.Schema().Lookup(column); !ok && p.Root().Column(column) == nil {
			return nil, fmt.Errorf("it has no column %q", column)
		}
	}
	meta = map[string]string{}
	for _, kv := range p.Metadata().KeyValueMetadata {
		meta[kv.Key] = kv.Value
	}
	r := parquet.NewGenericReader[Row](p)
	defer r.Close()
	rows := make([]Row, rowsAtOnce)
	for {
		n, err := r.Read(rows)
		for _, row := range rows[:n] {
			if err := use(row); err != nil {
				return nil, err
			}
		}
		if errors.Is(err, io.EOF) {
			return meta, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func eachNpy(path string, use func(Row) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	h, err := npy.ReadHeader(f, info.Size())
	if err != nil {
		return err
	}
	if len(h.Shape) != 2 || h.Item != 4 {
		return fmt.Errorf("want float32 [N, D], got %v of %d bytes", h.Shape, h.Item)
	}
	if _, err := f.Seek(h.Data, io.SeekStart); err != nil {
		return err
	}
	list, err := os.Open(strings.TrimSuffix(path, ".npy") + ".txt")
	if err != nil {
		return fmt.Errorf("the list of paths beside it: %w", err)
	}
	defer list.Close()
	rows, paths := bufio.NewReaderSize(f, 1<<20), bufio.NewScanner(list)
	raw := make([]byte, 4*h.Shape[1])
	for i := range h.Shape[0] {
		if !paths.Scan() {
			return fmt.Errorf("want %d paths in the list beside it, got %d", h.Shape[0], i)
		}
		if _, err := io.ReadFull(rows, raw); err != nil {
			return err
		}
		if err := use(Row{paths.Text(), floats(raw)}); err != nil {
			return err
		}
	}
	return nil
}
