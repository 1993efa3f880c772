package dashboard

import (
	"bytes"
	"encoding/json"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"contralens/features/layout"
	"contralens/features/probe"
	"contralens/internal/npy"
)

// layoutOf asks for a layout until it is there.
func layoutOf(t testing.TB, server, query string) placed {
	t.Helper()
	for range 200 {
		_, body := fetch(t, server+"/api/layout?"+query)
		var one placed
		if err := json.Unmarshal([]byte(body), &one); err != nil || strings.Contains(body, `"error"`) {
			t.Fatalf("%s: %s", query, body)
		}
		if one.Pending == "" {
			return one
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%s: there is no layout", query)
	return placed{}
}

// TestEmbedding: the probe set, its layouts, and the nearest images; what is kept, and what is wrong, in a
// sentence.
func TestEmbedding(t *testing.T) {
	dir := t.TempDir()
	f := newRun(t, filepath.Join(dir, "run"), nil)
	f.probe(t, 50, 0, 4)
	newRun(t, filepath.Join(dir, "none"), nil)
	server := serve(t, dir)
	for target, want := range map[string]string{
		"embedding?run=run":                     `"epochs":[0,4]`,
		"embedding?run=none":                    "want a probe set with probe.json, found none; was the run made with one?",
		"layout?run=run&method=pca&epoch=99":    "epoch_099.npy",
		"layout?run=run&method=tsne":            "want the method [pca umap]",
		"layout?run=none&method=pca":            "--probe N keeps one",
		"nearest?run=run&epoch=4&image=7&k=3":   `"components":30`,
		"nearest?run=run&epoch=4&image=50":      "want an image below 50, got 50",
		"nearest?run=run&epoch=99&image=7":      "epoch_099.npy",
		"nearest?run=elsewhere&epoch=4&image=7": "elsewhere",
	} {
		if _, body := fetch(t, server.URL+"/api/"+target); !strings.Contains(body, want) || strings.Contains(body, dir) {
			t.Errorf("%s: want %q and no path of the machine, got %.300s", target, want, body)
		}
	}
	first := layoutOf(t, server.URL, "run=run&method=pca&epoch=0")
	last := layoutOf(t, server.URL, "run=run&method=pca")
	if last.Epoch != 4 || len(last.Points) != 50*8 || len(last.Explained) != 30 || bytes.Equal(first.Points, last.Points) {
		t.Errorf("epoch %d with %d bytes and %d shares", last.Epoch, len(last.Points), len(last.Explained))
	}
	kept := layout.Dir(probe.Dir(filepath.Join(dir, "run")))
	values, h, err := npy.Read(filepath.Join(kept, "pca_004.npy"))
	check(t, err)
	if len(h.Shape) != 2 || h.Shape[0] != 50 || !bytes.Equal(npy.Append(nil, values), last.Points) {
		t.Errorf("kept beside the probe set: %v", h.Shape)
	}
	// A damaged file is made again by the next dashboard.
	write(t, filepath.Join(kept, "pca_000.npy"), "half")
	if again := layoutOf(t, serve(t, dir).URL, "run=run&method=pca&epoch=4"); !bytes.Equal(again.Points, last.Points) {
		t.Error("the layout made again is another one")
	}
	// A run that starts over under the same name has other features.
	f.probe(t, 50, 0, 4)
	touch(t, filepath.Join(dir, "run"), time.Now().Add(time.Hour))
	if after := layoutOf(t, server.URL, "run=run&method=pca&epoch=0"); bytes.Equal(after.Points, first.Points) {
		t.Error("the layout is that of a run that is gone")
	}
	res, err := http.Get(server.URL + "/api/thumbnails?run=run")
	check(t, err)
	res.Body.Close()
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "image/png" {
		t.Errorf("thumbnails: got %d %s", res.StatusCode, res.Header.Get("Content-Type"))
	}
}

// TestEmbeddingNotes: one epoch, features that are not finite, images that moved, a folder that cannot be
// written: a sentence each, and the other epochs are there.
func TestEmbeddingNotes(t *testing.T) {
	dir := t.TempDir()
	one := newRun(t, filepath.Join(dir, "one"), nil)
	one.probe(t, 20, 3)
	set := filepath.Join(probe.Dir(one.dir), "probe.json")
	b, err := os.ReadFile(set)
	check(t, err)
	gone := filepath.Join(t.TempDir(), "gone") + "/"
	write(t, set, strings.ReplaceAll(string(b), `"photos/`, `"`+gone))
	bad := newRun(t, filepath.Join(dir, "bad"), nil)
	bad.probe(t, 20, 0, 1, 2)
	p, err := probe.Open(probe.Dir(bad.dir))
	check(t, err)
	features, dim, err := p.Features(1)
	check(t, err)
	features[5*dim] = float32(math.NaN())
	check(t, p.Add(1, features, dim))
	write(t, layout.Dir(probe.Dir(bad.dir)), "a file where the folder would be")
	server := serve(t, dir)
	layoutOf(t, server.URL, "run=bad&method=umap&epoch=2")
	layoutOf(t, server.URL, "run=one&method=umap")
	for target, want := range map[string]string{
		"embedding?run=one":                  "features of one epoch, 3, so nothing can be followed. The images are no longer where they were",
		"layout?run=bad&method=umap&epoch=1": "image 5 of the probe set has the feature NaN after epoch 1",
		"nearest?run=bad&epoch=1&image=2":    "image 5 of the probe set has the feature NaN after epoch 1",
		"embedding?run=bad":                  "layouts cannot be kept beside the probe set, so they are made again next time",
	} {
		if _, body := fetch(t, server.URL+"/api/"+target); !strings.Contains(body, want) {
			t.Errorf("%s: want %q, got %.400s", target, want, body)
		}
	}
}

// Images have moved if neither their file is there, nor the one that has all of them.
func TestMoved(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "images.gz"), "")
	write(t, filepath.Join(dir, "a#1.png"), "")
	for path, want := range map[string]bool{
		"images.gz": false, "images.gz#19": false, "a#1.png": false, "a#2.png": true, "gone.gz#19": true, "gone.png": true,
	} {
		if got := moved(filepath.Join(dir, path)); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
	if moved("photos/gone.png") {
		t.Error("a relative path: it is not known where it starts")
	}
}
