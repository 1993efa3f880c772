package dashboard

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"

	"contralens/scores/record"
)

// tracedStep has the images behind the scores of a step.
type tracedStep struct {
	Step  int `json:"step"`
	Epoch int `json:"epoch"`
	Every int `json:"every"`
	// Note says why there are no pictures; empty: there are.
	Note string `json:"note"`
	// Pending says that the images are being opened: pictures and names come with a later answer.
	Pending bool               `json:"pending"`
	Shares  map[string]float64 `json:"shares"` // series of the step by name
	Queries []tracedQuery      `json:"queries"`
}

type tracedQuery struct {
	Image    picture `json:"image"`
	Key      picture `json:"key"`
	Positive float64 `json:"positive"`
	Weight   float64 `json:"weight"`
	// Kind is weakest for a query with one of the weakest positives, else heaviest.
	Kind      string           `json:"kind"`
	Negatives []tracedNegative `json:"negatives"`
}

type tracedNegative struct {
	Image  picture  `json:"image"`
	Mixed  *picture `json:"mixed"` // nil where nothing is mixed
	Lambda float64  `json:"lambda"`
	Score  float64  `json:"score"`
	Share  float64  `json:"share"`
	Same   string   `json:"same"` // image or class, if the key shares it with the query
}

// picture is a crop of an image: Image is -1 where it is not known.
type picture struct {
	Image int    `json:"image"`
	Epoch int    `json:"epoch"`
	Age   int    `json:"age"` // steps
	Path  string `json:"path"`
	Class string `json:"class"`
	Seen  bool   `json:"seen"` // the crop can be drawn again
}

// openImages opens the images of the run's record. The caller holds the lock.
func (r *run) openImages() (*record.Images, error) {
	if err := r.validate(); err != nil {
		return nil, err
	}
	images, err := record.OpenImages(record.Dir(filepath.Join(r.server.path, filepath.FromSlash(r.id))))
	if err != nil {
		return nil, r.relative(err)
	}
	return images, nil
}

// relative names files as the page knows them.
func (r *run) relative(err error) error {
	return errors.New(strings.ReplaceAll(err.Error(), r.server.path+"/", ""))
}

// traced returns the images of the traced step that is nearest to a step.
func (r *run) traced(step int) (h record.ImagesHeader, row record.ImagesRow, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	images, err := r.openImages()
	if err != nil {
		return h, row, err
	}
	if row, err = images.Near(step); err != nil {
		err = r.relative(err)
	}
	return images.ImagesHeader, row, err
}

// shareNames are the series about a traced step that its page shows.
var shareNames = []string{
	"grad_hardest1", "grad_hardest10", "grad_hardest100", "grad_hardest1000", "grad_age1", "grad_age2", "grad_age3",
	"grad_age4", "grad_untrained", "grad_age", "grad_own", "grad_near", "grad_class", "queue_age",
}

func (s *Server) images(q url.Values) (any, error) {
	r, err := s.get(q.Get("run"))
	if err != nil {
		return nil, err
	}
	step := number(q, "step", farthest, 0, farthest)
	h, row, err := r.traced(step)
	if err != nil {
		return nil, err
	}
	out := &tracedStep{
		Step: row.Step, Epoch: h.Epoch(row.Step), Every: h.Every, Shares: map[string]float64{}, Queries: []tracedQuery{},
	}
	if step < farthest && max(step-row.Step, row.Step-step) > h.Every {
		out.Note = fmt.Sprintf("the images of step %d are not in the record; these are those of step %d, the nearest "+
			"(images.bin is cut off, or the training has not come there)", step, row.Step)
	}
	patient, stop := context.WithTimeout(r.server.ended, openPatience)
	images, err := r.replayer(patient, h)
	stop()
	if out.Pending = errors.Is(err, errOpening); out.Pending {
		images = nil
	} else if err != nil {
		out.Note = strings.TrimPrefix(out.Note+"; "+err.Error(), "; ")
	}
	r.mu.Lock()
	if source, err := r.scores(); err == nil {
		for _, name := range shareNames {
			if bins, err := source.Curve(name, row.Step, row.Step, 1); err == nil && len(bins) == 1 {
				out.Shares[name] = bins[0].Mean
			}
		}
	}
	r.mu.Unlock()
	about := func(k record.Key) picture {
		p := picture{Image: k.Image}
		if k.Image < 0 {
			return p
		}
		if images != nil {
			p.Path, p.Class = images.Path(k.Image), images.Class(k.Image)
		}
		if k.Step > 0 {
			p.Epoch, p.Age, p.Seen = h.Epoch(k.Step), row.Step-k.Step, images != nil
		}
		return p
	}
	for i, q := range row.Queries {
		t := tracedQuery{
			Image: about(queryKey(h, row, i)), Key: about(positiveKey(h, row, i)), Positive: q.Positive, Weight: q.Weight,
			Kind: "heaviest", Negatives: []tracedNegative{},
		}
		if i < len(row.Queries)/2 {
			t.Kind = "weakest"
		}
		for _, n := range q.Negatives {
			one := tracedNegative{Image: about(n.Key), Lambda: n.Lambda, Score: n.Score, Share: n.Share}
			if n.Lambda < 1 {
				mixed := about(n.Mixed)
				one.Mixed = &mixed
			}
			switch {
			case n.Key.Image == q.Image:
				one.Same = "image"
			case one.Image.Class != "" && one.Image.Class == t.Image.Class:
				one.Same = "class"
			}
			t.Negatives = append(t.Negatives, one)
		}
		out.Queries = append(out.Queries, t)
	}
	return out, nil
}

// queryKey and positiveKey are the crops of a query and of its key.
func queryKey(h record.ImagesHeader, row record.ImagesRow, i int) record.Key {
	return record.Key{Image: row.Queries[i].Image, Step: row.Step, Crop: h.QueryCrop}
}

// positiveKey has no step where the key of a query is not a crop of the step.
func positiveKey(h record.ImagesHeader, row record.ImagesRow, i int) record.Key {
	if h.KeyCrop < 0 {
		return record.Key{Image: row.Queries[i].Image, Step: -1, Crop: -1}
	}
	return record.Key{Image: row.Queries[i].Image, Step: row.Step, Crop: h.KeyCrop}
}

// crop serves a crop of a traced step as PNG. The request names its place in the record and no
// image, so that nothing else can be asked for.
func (s *Server) crop(w http.ResponseWriter, req *http.Request) {
	q := req.URL.Query()
	r, err := s.get(q.Get("run"))
	if err == nil {
		err = r.writeCrop(w, req, q)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
	}
}

func (r *run) writeCrop(w http.ResponseWriter, req *http.Request, q url.Values) error {
	h, row, err := r.traced(number(q, "step", 0, 0, farthest))
	if err != nil {
		return err
	}
	i, j := number(q, "query", -1, -1, farthest), number(q, "negative", 0, 0, farthest)
	if row.Step != number(q, "step", 0, 0, farthest) || i < 0 || i >= len(row.Queries) {
		return errors.New("want a query of a traced step")
	}
	var key record.Key
	switch of := q.Get("of"); {
	case of == "query":
		key = queryKey(h, row, i)
	case of == "key":
		key = positiveKey(h, row, i)
	case of == "negative" && j < len(row.Queries[i].Negatives):
		key = row.Queries[i].Negatives[j].Key
	case of == "mixed" && j < len(row.Queries[i].Negatives):
		key = row.Queries[i].Negatives[j].Mixed
	default:
		return errors.New("want of=query, key, negative or mixed, of a query that has it")
	}
	if key.Image < 0 || key.Step < 1 {
		return errors.New("it is not known which crop this was")
	}
	picture, err := r.picture(req.Context(), h, key)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "image/png")
	_, err = w.Write(picture)
	return err
}
