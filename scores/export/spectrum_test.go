package export

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/sbinet/npyio/npz"

	"contralens/features/spectrum"
)

// The measures of two epochs, of which the first has no embeddings, in all formats.
func TestWriteSpectra(t *testing.T) {
	space := func(rank float64, singular ...float32) *spectrum.Space {
		return &spectrum.Space{Dim: 2, Values: map[string]float64{spectrum.RankMeName: rank}, Singular: singular}
	}
	lines := []spectrum.Line{
		{Epoch: 1, Step: 10, Backbone: space(1.5, 3, 1)},
		{Epoch: 2, Step: 20, Backbone: space(1.75, 3, 2), Head: space(1.25, 7)},
	}
	dir := t.TempDir()
	path := func(format string) string {
		t.Helper()
		paths, err := WriteSpectra(lines, dir, format)
		if err != nil || len(paths) != 1 {
			t.Fatalf("%s: %v, %v", format, paths, err)
		}
		return paths[0]
	}
	f, err := os.Open(path("csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) != 9 || fmt.Sprint(rows[1]) != "[1 10 backbone rankme 1.5]" || fmt.Sprint(rows[8]) != "[2 20 head singular_1 7]" {
		t.Errorf("%v: %v", err, rows)
	}
	table, err := parquet.ReadFile[measured](path("parquet"))
	if err != nil || len(table) != 8 || table[7] != (measured{2, 20, "head", "singular_1", 7}) {
		t.Errorf("%v: %+v", err, table)
	}
	z, err := npz.Open(path("npz"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var ranks, singular []float32
	if err := z.Read("head_rankme.npy", &ranks); err != nil || len(ranks) != 2 || !math.IsNaN(float64(ranks[0])) || ranks[1] != 1.25 {
		t.Errorf("%v: %v", err, ranks)
	}
	if err := z.Read("backbone_singular.npy", &singular); err != nil || fmt.Sprint(singular) != "[3 1 3 2]" {
		t.Errorf("%v: %v", err, singular)
	}
	if z.Header("head_lidar.npy") != nil {
		t.Error("a measure that no epoch has is an array")
	}
	if _, err := WriteSpectra(lines, dir, "xlsx"); err == nil {
		t.Error("xlsx is written")
	}
}
