package dashboard

import (
	"math"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gonum.org/v1/gonum/mat"
)

// TestPrincipal: points that spread 3, 2 and 1 along known directions have these as
// their principal components, with both ways of computing them.
func TestPrincipal(t *testing.T) {
	for _, size := range []struct{ n, d int }{{400, 6}, {40, 60}} {
		rng := rand.New(rand.NewPCG(1, 2))
		rows := mat.NewDense(size.n, size.d, nil)
		truth := make([][]float64, size.n)
		for i := range size.n {
			truth[i] = []float64{3 * rng.NormFloat64(), 2 * rng.NormFloat64(), rng.NormFloat64()}
			for j := range size.d {
				rows.Set(i, j, 5) // a common offset carries no information
			}
			// Orthogonal directions: (e0+e1)/√2, (e0-e1)/√2, e2.
			rows.Set(i, 0, 5+(truth[i][0]+truth[i][1])/math.Sqrt2)
			rows.Set(i, 1, 5+(truth[i][0]-truth[i][1])/math.Sqrt2)
			rows.Set(i, 2, 5+truth[i][2])
		}
		projected, explained, err := principal(rows, 5)
		check(t, err)
		total := 0.0
		for c := range 3 {
			if share := explained[c]; share <= 0 || c > 0 && share > explained[c-1] {
				t.Errorf("%v: want falling shares, got %v", size, explained)
			}
			total += explained[c]
		}
		if math.Abs(total-1) > 1e-9 || explained[4] > 1e-9 || math.Abs(explained[0]-9.0/14) > 0.12 {
			t.Errorf("%v: want shares near 9/14, 4/14, 1/14, 0, got %v", size, explained)
		}
		// Distances between points are preserved.
		for i := range 20 {
			var got, want float64
			for c := range 3 {
				got += math.Pow(projected[i][c]-projected[i+1][c], 2)
				want += math.Pow(truth[i][c]-truth[i+1][c], 2)
			}
			if math.Abs(got-want) > 1e-9*want {
				t.Fatalf("%v: want squared distance %v, got %v", size, want, got)
			}
		}
	}
}

func TestEmbedding(t *testing.T) {
	dir := t.TempDir()
	f := newRun(t, filepath.Join(dir, "run"), nil)
	f.probe(t, 50, 0, 4)
	newRun(t, filepath.Join(dir, "none"), nil)
	server := serve(t, dir)
	for target, want := range map[string]string{
		"/api/embedding?run=run":          `"epoch":4,"epochs":[0,4]`,
		"/api/embedding?run=run&epoch=0":  `"epoch":0,`,
		"/api/embedding?run=run&epoch=99": "epoch_099.npy",
		"/api/embedding?run=none":         "want a probe set with probe.json, found none; was the run made with one?",
	} {
		if _, body := fetch(t, server.URL+target); !strings.Contains(body, want) {
			t.Errorf("%s: want %q, got %.300s", target, want, body)
		}
	}
	// A run that starts over under the same name has other features.
	_, before := fetch(t, server.URL+"/api/embedding?run=run&epoch=0")
	f.probe(t, 50, 0, 4)
	touch(t, filepath.Join(dir, "run"), time.Now().Add(time.Hour))
	if _, after := fetch(t, server.URL+"/api/embedding?run=run&epoch=0"); after == before {
		t.Error("the embedding is that of a run that is gone")
	}
	res, err := http.Get(server.URL + "/api/thumbnails?run=run")
	check(t, err)
	res.Body.Close()
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "image/png" {
		t.Errorf("thumbnails: got %d %s", res.StatusCode, res.Header.Get("Content-Type"))
	}
}
