package table

import (
	"bytes"
	"context"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go"
	"gonum.org/v1/gonum/mat"

	"contralens/data/sets"
	"contralens/data/store"
	"contralens/internal/npy"
	"contralens/torch"
)

// random makes n features of d numbers that vary most along two directions. Row 3 is that
// of an unreadable image.
func random(n, d int) (matrix, [][]float32) {
	r := rand.New(rand.NewPCG(5, 5))
	var rows [][]float32
	var file []byte
	for i := range n {
		row := make([]float32, d)
		a, b := r.NormFloat64(), r.NormFloat64()
		for j := range row {
			row[j] = float32(1 + 3*a*math.Sin(float64(j)) + 2*b*math.Cos(3*float64(j)) + 0.3*r.NormFloat64())
			if i == 3 {
				row[j] = float32(math.NaN())
			}
		}
		rows, file = append(rows, row), npy.Append(file, row)
	}
	return matrix{bytes.NewReader(file), 0, n, d}, rows
}

// TestComponents: the axes are those of an eigenvalue decomposition.
func TestComponents(t *testing.T) {
	const n, d = 200, 12
	m, rows := random(n, d)
	mean, axes, err := m.components()
	if err != nil {
		t.Fatal(err)
	}
	x := mat.NewDense(n-1, d, nil)
	at := 0
	for _, row := range rows {
		if row, ok := unit(slices.Clone(row)); ok {
			for j, v := range row {
				x.Set(at, j, float64(v)-mean[j])
			}
			at++
		}
	}
	var s mat.SymDense
	s.SymOuterK(1, x.T())
	var eigen mat.EigenSym
	if at != n-1 || !eigen.Factorize(&s, true) {
		t.Fatalf("%d rows", at)
	}
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	for a := range axes {
		cosine := 0.0
		for j, v := range axes[a] {
			cosine += v * vectors.At(j, d-1-a)
		}
		if math.Abs(math.Abs(cosine)-1) > 1e-6 {
			t.Errorf("axis %d has the cosine %v with the eigenvector", a, cosine)
		}
	}
	same := matrix{bytes.NewReader(npy.Append(nil, []float32{1, 2, 1, 2})), 0, 2, 2}
	if _, axes, err = same.components(); err != nil || axes[0][0] != 0 || axes[1][1] != 0 {
		t.Errorf("equal rows: %v, %v", axes, err)
	}
}

// TestSearch: the neighbors are those with the largest cosine.
func TestSearch(t *testing.T) {
	m, rows := random(600, 8)
	err := torch.Run(func() error {
		got, err := m.search(context.Background(), 5)
		if err != nil {
			return err
		}
		for i, row := range rows {
			var cosine []float64
			for j, other := range rows {
				if s := dot(row, other) / norm(row) / norm(other); j != i && !math.IsNaN(s) {
					cosine = append(cosine, s)
				}
			}
			slices.Sort(cosine)
			slices.Reverse(cosine)
			if i == 3 {
				if len(got[i].IDs) != 0 {
					t.Errorf("an unreadable image has neighbors: %v", got[i])
				}
				continue
			}
			if len(got[i].IDs) != 5 || len(got[i].Distances) != 5 || slices.Contains(got[i].IDs, int32(i)) || slices.Contains(got[i].IDs, 3) {
				t.Fatalf("row %d: got %v", i, got[i])
			}
			for k, id := range got[i].IDs {
				want := 1 - cosine[k]
				of := 1 - dot(row, rows[id])/norm(row)/norm(rows[id])
				if math.Abs(float64(got[i].Distances[k])-want) > 1e-5 || math.Abs(of-want) > 1e-5 {
					t.Fatalf("row %d, neighbor %d: want the distance %v, got %v of row %d at %v", i, k, want, got[i].Distances[k], id, of)
				}
			}
		}
		few, err := matrix{m.file, 0, 2, 8}.search(context.Background(), 5)
		if err != nil || len(few[0].IDs) != 1 || few[0].IDs[0] != 1 {
			t.Errorf("two rows: %v, %v", few, err)
		}
		stopped, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := m.search(stopped, 5); err == nil {
			t.Error("a search that was stopped is complete")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestColumns: labels are the folders, thumbnails are pictures, and a file that an older
// version wrote is read too.
func TestColumns(t *testing.T) {
	dir, _ := pictures(t, 7)
	if err := os.MkdirAll(filepath.Join(dir, "train", "cat"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "02.png"), filepath.Join(dir, "train", "cat", "02.png")); err != nil {
		t.Fatal(err)
	}
	d, err := sets.Images(t.Context(), store.Disk{}, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, _ := random(7, 4)
	path := filepath.Join(t.TempDir(), "x.parquet")
	var b bytes.Buffer
	err = torch.Run(func() error {
		return writeParquet(t.Context(), &b, m, d, Job{Root: dir, Columns: Columns{Neighbors: 2, Thumbnail: 8}})
	})
	if err == nil {
		err = os.WriteFile(path, b.Bytes(), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	all, err := parquet.ReadFile[line](path)
	if err != nil || len(all) != 7 {
		t.Fatalf("%d rows, %v", len(all), err)
	}
	labels := map[string]int{}
	for i, l := range all {
		labels[l.Label]++
		picture, err := jpeg.DecodeConfig(bytes.NewReader(l.Thumbnail))
		broken := filepath.Base(l.Path) == "05.png"
		if broken != (err != nil) || !broken && max(picture.Width, picture.Height) != 8 {
			t.Errorf("%s: a thumbnail of %v, %v", l.Path, picture, err)
		}
		if math.IsNaN(float64(l.X)) != (i == 3) || len(l.Neighbors.IDs) == 2 == (i == 3) || len(l.Feature) != 4 {
			t.Errorf("%+v", l)
		}
	}
	if labels["cat"] != 1 || labels[""] != 6 {
		t.Errorf("labels: %v", labels)
	}
	old := filepath.Join(t.TempDir(), "old.parquet")
	if err := parquet.WriteFile(old, []Row{{"a.png", []float32{1, 2}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := Each(old, func(r Row) error {
		if r.Path != "a.png" || len(r.Feature) != 2 {
			t.Errorf("got %v", r)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if got := rows(t, path); len(got) != 7 || got[2].Path != all[2].Path || got[2].Feature[1] != all[2].Feature[1] {
		t.Errorf("got %v", got)
	}
}
