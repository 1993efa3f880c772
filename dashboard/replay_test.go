package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"image"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"contralens/rundir"
)

// counted counts what the page costs.
type counted struct {
	painted
	opened, decoded atomic.Int64
	blocked         chan struct{} // opening waits until it is closed
}

func (c *counted) Crops(ctx context.Context, i, epoch int) ([]image.Image, error) {
	c.decoded.Add(1)
	return c.painted.Crops(ctx, i, epoch)
}

func (c *counted) open(map[string]string) (Replayer, error) {
	c.opened.Add(1)
	if c.blocked != nil {
		<-c.blocked
	}
	return c, nil
}

// behind asks for the images of a step.
func behind(t *testing.T, server *httptest.Server, run string) (got tracedStep) {
	t.Helper()
	if status, text := get(t, server, "/api/images", url.Values{"run": {run}, "step": {"64"}}, &got); status != 200 {
		t.Fatal(status, text)
	}
	return got
}

// opened waits until the images of a run have been opened.
func opened(t *testing.T, server *httptest.Server, run string) tracedStep {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if got := behind(t, server, run); !got.Pending {
			return got
		}
		if time.Now().After(end) {
			t.Fatal("the images are still being opened")
		}
	}
}

// TestCropsDecodeOnce: the page of a run opens its images, once, and an image is decoded once for its
// crops, the queries that share it and all visitors.
func TestCropsDecodeOnce(t *testing.T) {
	dir := t.TempDir()
	tracedRun(t, filepath.Join(dir, "a"), true)
	images := &counted{painted: painted{6}}
	server := replaying(t, dir, images.open)
	if status, text := get(t, server, "/api/run", url.Values{"run": {"a"}}, nil); status != 200 {
		t.Fatal(status, text)
	}
	got := opened(t, server, "a")
	want := map[[2]int]bool{}
	var asked sync.WaitGroup
	ask := func(p *picture, query int, of string, negative int) {
		if p == nil || !p.Seen || p.Image == 4 { // image 4 cannot be read
			return
		}
		want[[2]int{p.Image, p.Epoch}] = true
		for range 2 { // visitors
			asked.Go(func() {
				resp, err := server.Client().Get(server.URL + "/api/crop?" + url.Values{
					"run": {"a"}, "step": {"61"}, "query": {strconv.Itoa(query)}, "of": {of}, "negative": {strconv.Itoa(negative)},
				}.Encode())
				if err != nil || resp.StatusCode != 200 {
					t.Errorf("%s of query %d: %v, error %v", of, query, resp, err)
					return
				}
				resp.Body.Close()
			})
		}
	}
	for i, q := range got.Queries {
		ask(&q.Image, i, "query", 0)
		ask(&q.Key, i, "key", 0)
		for j, n := range q.Negatives {
			ask(&n.Image, i, "negative", j)
			ask(n.Mixed, i, "mixed", j)
		}
	}
	asked.Wait()
	if n := images.decoded.Load(); int(n) != len(want) || len(want) != 6 {
		t.Errorf("%d decodings for %d images in an epoch, want 6", n, len(want))
	}
	if n := images.opened.Load(); n != 1 {
		t.Errorf("the images were opened %d times", n)
	}
	// A crop that could not be made is tried again.
	for range 2 {
		get(t, server, "/api/crop", url.Values{"run": {"a"}, "step": {"61"}, "query": {"1"}, "of": {"negative"}, "negative": {"1"}}, nil)
	}
	if n := images.decoded.Load(); int(n) != len(want)+2 {
		t.Errorf("%d decodings after two failures, want two more than %d", n, len(want))
	}
	// A run that replaces this one, with other options, has other images.
	options := baseConfig()
	options["data_folder"] = "photos/other"
	b, err := json.Marshal(rundir.Record{Config: options})
	check(t, err)
	write(t, filepath.Join(dir, "a", rundir.RecordFile), string(b))
	opened(t, server, "a")
	if n := images.opened.Load(); n != 2 {
		t.Errorf("the images were opened %d times, want again for other options", n)
	}
}

// TestCropCacheForgets: the cache keeps the images that were shown last.
func TestCropCacheForgets(t *testing.T) {
	var c cropCache
	made := 0
	of := func(number int) {
		_, err := c.of(number, 1, func() ([]image.Image, error) { made++; return nil, nil })
		check(t, err)
	}
	for i := range keptCrops + 1 {
		of(i)
	}
	of(keptCrops)
	if made != keptCrops+1 || len(c.crops) != keptCrops || len(c.order) != keptCrops {
		t.Errorf("%d made, %d and %d kept", made, len(c.crops), len(c.order))
	}
	if of(0); made != keptCrops+2 {
		t.Errorf("the oldest is still there")
	}
}

// TestImagesOpenSlowly: what is known without the images is shown while they are opened, and a failure is said
// even if it comes late, and tried again.
func TestImagesOpenSlowly(t *testing.T) {
	dir := t.TempDir()
	tracedRun(t, filepath.Join(dir, "a"), false)
	images := &counted{painted: painted{6}, blocked: make(chan struct{})}
	server := replaying(t, dir, images.open)
	letOpen := sync.OnceFunc(func() { close(images.blocked) })
	t.Cleanup(letOpen) // before the server ends, which waits
	p := open(t, server, runHash("images", "a")+"&at=61", desktop)
	p.until(`document.querySelector(".images .empty")?.textContent.includes("are being opened")`)
	p.until(`document.querySelectorAll(".behind-row").length === 2 && document.querySelector("[data-query='0'] .pushing .crop").innerText.includes("50 %")`)
	if got := behind(t, server, "a"); !got.Pending || got.Note != "" || got.Queries[0].Image.Seen || images.opened.Load() != 1 {
		t.Errorf("%+v, opened %d times", got, images.opened.Load())
	}
	letOpen()
	p.until(`document.querySelector("[data-query='0'] .pushing .crop").innerText.includes("cat") && document.querySelector(".images .empty").hidden`)
	p.until(`[...document.querySelectorAll(".crop img")].filter((i) => i.naturalWidth === 32).length === 7`)

	tries, slow := atomic.Int64{}, make(chan struct{})
	failing := replaying(t, dir, func(map[string]string) (Replayer, error) {
		tries.Add(1)
		<-slow
		return nil, errors.New("s3://photos: no answer")
	})
	if got := behind(t, failing, "a"); !got.Pending {
		t.Errorf("%+v, want it to be pending", got)
	}
	close(slow)
	if got := opened(t, failing, "a"); !strings.Contains(got.Note, "s3://photos: no answer") || tries.Load() != 1 {
		t.Errorf("note %q after %d tries", got.Note, tries.Load())
	}
	if opened(t, failing, "a"); tries.Load() != 2 {
		t.Errorf("%d tries, want another one", tries.Load())
	}
}

// TestPagesAreSavedWithoutImages: a page that is saved has no crops, so it opens no images.
func TestPagesAreSavedWithoutImages(t *testing.T) {
	dir := t.TempDir()
	tracedRun(t, filepath.Join(dir, "a"), false)
	images := &counted{painted: painted{6}}
	s, err := New(Options{Dir: filepath.Join(dir, "a"), Replay: func(_ context.Context, options map[string]string) (Replayer, error) {
		return images.open(options)
	}})
	check(t, err)
	s.saving = true
	if _, err := s.describeRun(url.Values{"run": {"."}}); err != nil {
		t.Fatal(err)
	}
	check(t, s.Close())
	if n := images.opened.Load(); n != 0 {
		t.Errorf("opened %d times", n)
	}
}
