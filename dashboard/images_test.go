package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"contralens/scores/record"
)

// painted replays images of one color each, which tells image, epoch and crop.
type painted struct{ n int }

func (p painted) Len() int           { return p.n }
func (p painted) Path(i int) string  { return fmt.Sprintf("photos/%d.jpg", i) }
func (p painted) Class(i int) string { return []string{"cat", "dog"}[i%2] }
func (p painted) Sample(context.Context) record.Sample {
	return record.Sample{Names: "painted", Images: [][3]float64{{24, 24, 100}}}
}
func (p painted) color(i, epoch, crop int) color.NRGBA {
	return color.NRGBA{uint8(40 * i), uint8(60 * epoch), uint8(120 * crop), 255}
}

func (p painted) Crops(_ context.Context, i, epoch int) ([]image.Image, error) {
	if i == 4 {
		return nil, errors.New("image 4 cannot be read any more: photos/4.jpg: no such file")
	}
	var crops []image.Image
	for crop := range 2 {
		m := image.NewNRGBA(image.Rect(0, 0, 32, 32))
		for at := range 32 * 32 {
			m.Set(at%32, at/32, p.color(i, epoch, crop))
		}
		crops = append(crops, m)
	}
	return crops, nil
}

// tracedRun makes a run with 100 steps of 25 in an epoch, traced every ten steps.
func tracedRun(t *testing.T, dir string, mixed bool) {
	t.Helper()
	f := newRun(t, dir, nil)
	f.train(t, 100)
	w, err := record.NewImagesWriter(record.Dir(dir), record.NewImagesHeader(record.ImagesHeader{
		Every: 10, Queries: 2, Negatives: 3, Total: 6, EpochSteps: 25, KeyCrop: 1,
	}), 0)
	check(t, err)
	for step := 1; step <= 100; step += 10 {
		none := record.Key{Image: -1, Step: -1, Crop: -1}
		negative := func(image, step int, share float64) record.Negative {
			n := record.Negative{Key: record.Key{Image: image, Step: step, Crop: 1}, Mixed: none, Lambda: 1, Score: 0.5, Share: share}
			if mixed {
				n.Mixed, n.Lambda = record.Key{Image: 5, Step: 1, Crop: 1}, 0.75
			}
			return n
		}
		check(t, w.Add(record.ImagesRow{Step: step, Queries: []record.Query{
			{Image: 2, Positive: -0.25, Weight: 0.5, Negatives: []record.Negative{negative(2, max(1, step-26), 0.5), negative(0, max(1, step-2), 0.25), {Key: none, Mixed: none, Lambda: 1, Share: 0.125}}},
			{Image: 3, Positive: 0.75, Weight: 0.25, Negatives: []record.Negative{negative(1, 1, 0.9), negative(4, 1, 0.05)}},
		}}))
	}
	check(t, w.Close())
}

// TestOtherImages: a dataset of the same size with other images is noticed; a record without a sample is not
// asked.
func TestOtherImages(t *testing.T) {
	recorded := &record.Sample{Names: "painted", Images: [][3]float64{{24, 24, 100}, {0, 0, 0}, {10, 12, 30}}}
	for want, now := range map[string]record.Sample{
		"":                                      {Names: "painted", Images: [][3]float64{{24, 24, 101}, {1, 1, 1}, {10, 12, 90}}},
		"other names or another order":          {Names: "renamed", Images: recorded.Images},
		"2 of 2 images that were compared have": {Names: "painted", Images: [][3]float64{{24, 24, 104}, {0, 0, 0}, {12, 10, 30}}},
	} {
		if got := recorded.Differs(now); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("want %q, got %q", want, got)
		}
	}
	if (*record.Sample)(nil).Differs(record.Sample{Names: "x"}) != "" {
		t.Error("an older record has a difference")
	}
	dir := t.TempDir()
	tracedRun(t, filepath.Join(dir, "a"), false)
	header := filepath.Join(record.Dir(filepath.Join(dir, "a")), "images.json")
	b, err := os.ReadFile(header)
	check(t, err)
	write(t, header, strings.Replace(string(b), "{", `{"sample": {"names": "others", "images": []},`, 1))
	var got tracedStep
	if status, text := get(t, replaying(t, dir, sixImages), "/api/images", url.Values{"run": {"a"}, "step": {"64"}}, &got); status != 200 {
		t.Fatal(status, text)
	}
	if !strings.Contains(got.Note, "there is another dataset now than in the training, its images have other names") {
		t.Errorf("note %q", got.Note)
	}
}

// replaying serves a directory with pictures.
func replaying(t *testing.T, dir string, open func(options map[string]string) (Replayer, error)) *httptest.Server {
	t.Helper()
	s, err := New(Options{Dir: dir, Poll: 200 * time.Millisecond, Replay: func(_ context.Context, options map[string]string) (Replayer, error) {
		return open(options)
	}})
	check(t, err)
	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		s.Close()
	})
	return server
}

func sixImages(map[string]string) (Replayer, error) { return painted{6}, nil }

func get(t *testing.T, server *httptest.Server, path string, query url.Values, v any) (status int, text string) {
	t.Helper()
	resp, err := http.Get(server.URL + path + "?" + query.Encode())
	check(t, err)
	defer resp.Body.Close()
	var b strings.Builder
	if m, ok := v.(*image.Image); ok && resp.StatusCode == 200 {
		*m, err = png.Decode(resp.Body)
		check(t, err)
		return resp.StatusCode, ""
	}
	_, err = fmt.Fprint(&b, "")
	check(t, err)
	if v != nil && resp.StatusCode == 200 {
		check(t, json.NewDecoder(resp.Body).Decode(v))
		return resp.StatusCode, ""
	}
	buffer := make([]byte, 2000)
	n, _ := resp.Body.Read(buffer)
	return resp.StatusCode, string(buffer[:n])
}

// The answer names queries, keys and negatives with age, share and class, and each crop is that of the
// epoch in which the network saw it.
func TestImagesAnswer(t *testing.T) {
	dir := t.TempDir()
	tracedRun(t, filepath.Join(dir, "a"), true)
	server := replaying(t, dir, sixImages)
	var got tracedStep
	if status, text := get(t, server, "/api/images", url.Values{"run": {"a"}, "step": {"64"}}, &got); status != 200 {
		t.Fatal(status, text)
	}
	if got.Step != 61 || got.Epoch != 3 || got.Note != "" || len(got.Queries) != 2 || got.Queries[0].Kind != "weakest" || got.Queries[1].Kind != "heaviest" {
		t.Fatalf("%+v", got)
	}
	var far tracedStep
	if status, text := get(t, server, "/api/images", url.Values{"run": {"a"}, "step": {"5000"}}, &far); status != 200 ||
		!strings.HasPrefix(far.Note, "the images of step 5000 are not in the record; these are those of step 91") {
		t.Errorf("%d %s: %+v", status, text, far.Note)
	}
	n := got.Queries[0].Negatives
	if len(n) != 3 || n[0].Same != "image" || n[1].Same != "class" || n[0].Image.Age != 26 || n[0].Image.Epoch != 2 || n[1].Image.Class != "cat" || n[0].Mixed == nil || n[0].Mixed.Image != 5 || n[2].Image.Image != -1 || n[2].Mixed != nil {
		t.Errorf("negatives %+v", n)
	}
	if same := got.Queries[1].Negatives[1].Same; same != "" {
		t.Errorf("image 4 is alike image 3 by %q", same)
	}
	p := painted{6}
	for query, want := range map[string]color.NRGBA{
		"of=query&query=0": p.color(2, 3, 0), "of=key&query=1": p.color(3, 3, 1), "of=negative&query=0&negative=0": p.color(2, 2, 1),
		"of=mixed&query=0&negative=1": p.color(5, 1, 1),
	} {
		q, err := url.ParseQuery(query + "&run=a&step=61")
		check(t, err)
		var m image.Image
		if status, text := get(t, server, "/api/crop", q, &m); status != 200 {
			t.Errorf("%s: %d, %s", query, status, text)
		} else if got := color.NRGBAModel.Convert(m.At(3, 3)); got != want {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	for query, want := range map[string]string{
		"of=negative&query=0&negative=2": "it is not known which crop this was", "of=negative&query=1&negative=1": "cannot be read any more",
		"of=x&query=0": "want of=query", "of=query&query=7": "want a query of a traced step", "of=query&query=0&step=62": "want a query of a traced step",
	} {
		q, err := url.ParseQuery(query + "&run=a&step=61")
		check(t, err)
		if strings.Contains(query, "step=") {
			q.Set("step", "62")
		}
		if status, text := get(t, server, "/api/crop", q, nil); status != 404 || !strings.Contains(text, want) {
			t.Errorf("%s: %d %q, want %q", query, status, text, want)
		}
	}
}

// What is missing is said in a sentence: a record of an older version, a dataset that has moved or has other
// images. The rest is still shown.
func TestImagesMissing(t *testing.T) {
	dir := t.TempDir()
	tracedRun(t, filepath.Join(dir, "a"), false)
	newRun(t, filepath.Join(dir, "older"), nil).train(t, 20)
	moved := replaying(t, dir, func(map[string]string) (Replayer, error) { return nil, errors.New("photos: no such folder") })
	changed := replaying(t, dir, func(map[string]string) (Replayer, error) { return painted{7}, nil })
	for server, want := range map[*httptest.Server]string{
		moved: "photos: no such folder", changed: "the training had 6 images, and there are 7 now", serve(t, dir): "this dashboard shows no crops",
	} {
		var got tracedStep
		if status, text := get(t, server, "/api/images", url.Values{"run": {"a"}}, &got); status != 200 || !strings.Contains(got.Note, want) || got.Queries[0].Negatives[0].Share != 0.5 {
			t.Errorf("%d %s: %+v, want the note %q", status, text, got, want)
		}
		if status, text := get(t, server, "/api/crop", url.Values{"run": {"a"}, "step": {"1"}, "query": {"0"}, "of": {"query"}}, nil); status != 404 || !strings.Contains(text, want) {
			t.Errorf("%d %q, want %q", status, text, want)
		}
	}
	if status, text := get(t, moved, "/api/images", url.Values{"run": {"older"}}, nil); status != 404 || !strings.Contains(text, "an older version wrote it") || strings.Contains(text, dir) {
		t.Errorf("%d %q", status, text)
	}
	check(t, os.Remove(filepath.Join(record.Dir(filepath.Join(dir, "a")), "images.bin")))
	check(t, os.Symlink("/etc/passwd", filepath.Join(record.Dir(filepath.Join(dir, "a")), "images.bin")))
	if status, text := get(t, changed, "/api/images", url.Values{"run": {"a"}}, nil); status != 404 || !strings.Contains(text, "leads out of the dashboard's directory") {
		t.Errorf("a link that leads out: %d %q", status, text)
	}
}

const nearest = `document.querySelector(".images .nearest")`

// From a point of a chart, two clicks lead to the images: one that chooses the point and one on the
// offer below it.
func TestImagesInTwoClicks(t *testing.T) {
	dir := t.TempDir()
	tracedRun(t, filepath.Join(dir, "a"), false)
	p := open(t, replaying(t, dir, sixImages), runHash("curves", "a"), desktop)
	p.until(drawn)
	const chart = `document.querySelector("[data-chart=loss] .u-over")`
	p.do(js(chart + `.scrollIntoView({block: "center"})`))
	at := eval[[]float64](p, `(() => { const r = `+chart+`.getBoundingClientRect(); return [r.left + 0.5 * r.width, r.top + r.height / 2]; })()`)
	p.click(at[0], at[1])
	p.until(`document.querySelector("[data-chart=loss] .behind")?.textContent.startsWith("Images of step ")`)
	// What the second click shows is there before it, and no crop is asked for twice.
	p.until(`performance.getEntriesByType("resource").filter((e) => e.name.includes("api/crop")).length === 8`)
	offer := eval[[]float64](p, `(() => { const r = document.querySelector(".behind").getBoundingClientRect(); return [r.left + r.width / 2, r.top + r.height / 2]; })()`)
	p.do(js(`window.begin = performance.now()`))
	p.click(offer[0], offer[1])
	p.until(`document.querySelectorAll(".behind-row").length === 2 && [...document.querySelectorAll(".crop img")].every((i) => i.complete)`)
	t.Logf("the crops are there after %.0f ms, waits of the test included", eval[float64](p, `performance.now() - window.begin`))
	if got := eval[string](p, `document.querySelector(".images .time output").textContent`); got != "step 51, epoch 3" {
		t.Errorf("the step is %q, want that of the middle of the chart", got)
	}
	asked := eval[string](p, `new URLSearchParams(location.hash.split("?")[1]).get("at")`)
	if got := eval[string](p, nearest+`.textContent`); asked == "51" || got != "This is step 51, the nearest one to step "+asked+
		": the record names the images of every 10th step." {
		t.Errorf("asked for step %s, the page says %q", asked, got)
	}
	first := `document.querySelector("[data-query='0'] .pushing .crop")`
	if got := eval[string](p, first+`.innerText`); !strings.Contains(got, "cat") || !strings.Contains(got, "50 %") || !strings.Contains(got, "own image") || !strings.Contains(got, "26 steps old") {
		t.Errorf("the heaviest negative says %q", got)
	}
	if n := eval[int](p, `[...document.querySelectorAll(".crop img")].filter((i) => i.naturalWidth === 32).length`); n != 7 {
		t.Errorf("%d crops are shown, want 7", n)
	}
	p.until(`[...document.querySelectorAll(".unseen")].some((e) => e.textContent.includes("cannot be read any more"))`)
	// The reason why a crop is missing is one more request.
	if n := eval[int](p, `performance.getEntriesByType("resource").filter((e) => e.name.includes("api/crop")).length`); n != 9 {
		t.Errorf("%d crops were asked for, want 8 and a reason", n)
	}
	p.shot("images")
	// Another step by the slider, which the address keeps.
	p.do(js(`{const s = document.querySelector("[name=at]"); s.value = 8; s.dispatchEvent(new Event("input"))}`))
	p.until(`document.querySelector(".images .time output").textContent === "step 81, epoch 4" && location.hash.includes("at=81")`)
	p.until(nearest + `.hidden`)
	// A run without images says why.
	newRun(t, filepath.Join(dir, "older"), nil).train(t, 20)
	p = open(t, serve(t, dir), runHash("images", "older"), desktop)
	p.until(`document.querySelector(".tab .empty")?.textContent.includes("an older version wrote it")`)
}
