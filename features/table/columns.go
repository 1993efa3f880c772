package table

import (
	"bytes"
	"context"
	"image"
	"image/jpeg"
	"io"
	"math"
	"path"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/image/draw"

	"contralens/data"
	"contralens/torch"
	"contralens/views"
)

// Columns are what a .parquet file has besides paths and features, so that programs for
// looking at features open it at once. The zero value leaves out the neighbors and
// the thumbnails.
type Columns struct {
	Neighbors int // nearest images of each image
	Thumbnail int // longest side of a thumbnail in pixels
}

// maxSearched is the number of features of all images together up to which neighbors are
// searched: they are in memory, and the time grows with the square of the images.
const maxSearched = 1 << 27

// neighbors of an image: zero-based rows, the nearest first, and their cosine distances.
type neighbors struct {
	IDs       []int32   `parquet:"ids,list"`
	Distances []float32 `parquet:"distances,list"`
}

// line is a row of a .parquet file. Row has the columns that are read back.
type line struct {
	Path      string    `parquet:"path"`  // relative to the folder
	Label     string    `parquet:"label"` // the folder that the image is in; empty for the top
	X         float32   `parquet:"x"`     // principal components of the features of unit length
	Y         float32   `parquet:"y"`
	Neighbors neighbors `parquet:"neighbors"`
	Thumbnail []byte    `parquet:"thumbnail,optional"` // JPEG
	Feature   []float32 `parquet:"feature"`
}

// label returns the name of the folder that holds an image.
func label(file string) string {
	dir := path.Dir(file)
	if dir == "." || dir == "/" || strings.HasPrefix(dir, "..") {
		return ""
	}
	return path.Base(dir)
}

// matrix is a table of features in a file: float32 [n, d], little-endian.
type matrix struct {
	file   io.ReaderAt
	offset int64
	n, d   int
}

// row reads row i.
func (m matrix) row(i int) ([]float32, error) {
	raw := make([]byte, 4*m.d)
	if _, err := m.file.ReadAt(raw, m.offset+int64(i)*int64(len(raw))); err != nil {
		return nil, err
	}
	return floats(raw), nil
}

// unit returns a row divided by its length, and whether it has one.
func unit(row []float32) ([]float32, bool) {
	length := norm(row)
	if !(length > 0) || math.IsInf(length, 0) {
		return row, false
	}
	for i := range row {
		row[i] = float32(float64(row[i]) / length)
	}
	return row, true
}

// search returns the k nearest rows of each row by cosine similarity. Rows of NaN have
// none and are nobody's. Call it inside torch.Run.
func (m matrix) search(ctx context.Context, k int) ([]neighbors, error) {
	const chunk = 512
	var values []float32
	var rows []int32 // of the matrix, by index in values
	for i := range m.n {
		row, err := m.row(i)
		if err != nil {
			return nil, err
		}
		if row, ok := unit(row); ok {
			values, rows = append(values, row...), append(rows, int32(i))
		}
	}
	out := make([]neighbors, m.n)
	n := len(rows)
	if k = min(k, n-1); k < 1 {
		return out, nil
	}
	torch.NoGrad(func() {
		torch.Scoped(func() {
			all := torch.FromFloat32(values, n, m.d)
			transposed := all.T()
			for start := 0; start < n && ctx.Err() == nil; start += chunk {
				size := min(chunk, n-start)
				torch.Scoped(func() {
					s, at := all.Narrow(0, start, size).Mm(transposed).TopK(k+1, 1)
					similarity, index := s.Float32s(), at.Int64s()
					for i := range size {
						to := &out[rows[start+i]]
						for j := i * (k + 1); j < (i+1)*(k+1) && len(to.IDs) < k; j++ {
							if int(index[j]) != start+i {
								to.IDs = append(to.IDs, rows[index[j]])
								to.Distances = append(to.Distances, max(0, 1-similarity[j]))
							}
						}
					}
				})
			}
		})
	})
	return out, ctx.Err()
}

// thumbnails makes the thumbnails of the images from … to of d, on all processors. Images
// that cannot be read have none.
func thumbnails(ctx context.Context, d data.Dataset, from, to, side int) [][]byte {
	out := make([][]byte, to-from)
	if side < 1 {
		return out
	}
	var wait sync.WaitGroup
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			var buffer []byte
			var picture views.Image
			for i := range next {
				file, err := data.Decode(ctx, d, i, buffer, &picture)
				if len(file) > 0 {
					buffer = file[:cap(file)]
				}
				if err == nil {
					out[i-from] = thumbnail(picture.Picture(), side)
				}
			}
		})
	}
	for i := from; i < to && ctx.Err() == nil; i++ {
		next <- i
	}
	close(next)
	wait.Wait()
	return out
}

// thumbnail returns a picture as JPEG whose longest side is at most side pixels.
func thumbnail(m image.Image, side int) []byte {
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	if longest := max(w, h); longest > side {
		small := image.NewRGBA(image.Rect(0, 0, max(1, w*side/longest), max(1, h*side/longest)))
		draw.ApproxBiLinear.Scale(small, small.Bounds(), m, m.Bounds(), draw.Src, nil)
		m = small
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 80}); err != nil {
		return nil
	}
	return b.Bytes()
}
