package look

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"contralens/config"
	"contralens/data"
	"contralens/features"
	"contralens/internal/humanize"
	"contralens/prefetch"
	"contralens/setup"
	"contralens/torch"
)

// Neighbors are some images with those whose features are nearest.
type Neighbors struct {
	Encoder   string // what it is
	Untrained bool
	Images    int // images that were compared
	Queries   []Query
	Same      int      // neighbors that have the class of their query
	Shown     int      // neighbors of a query that has a class
	Chance    float64  // expected share of Same among Shown for neighbors at random
	Failed    string   // why there are none
	Notes     []string // about the encoder checkpoint
}

// Query is an image with its nearest ones.
type Query struct {
	Picture Picture
	Found   []Near
}

// Near is an image near another one.
type Near struct {
	Picture    Picture
	Similarity float64 // cosine
}

const (
	queries      = 6      // images whose neighbors are shown
	nearest      = 5      // of each
	mostFeatures = 20_000 // images whose features are computed
	featureBatch = 32
)

// errEnough ends the computation of features when its time is over.
var errEnough = errors.New("enough")

// neighbors shows the nearest neighbors of some images.
func (l *looking) neighbors(ctx context.Context) error {
	photos := l.spread(mostFeatures)
	end := l.budget.share(neighborsShare)
	n := &l.report.Neighbors
	err := setup.Compute(0, func() error {
		e, side, err := l.encoder()
		if err != nil {
			return err
		}
		defer e.Model.Free()
		var host config.Machine
		setup.Host(&host, e.Model.Config.Device)
		workers := min(l.Workers, cmp.Or(host.Workers, l.Workers))
		rows, err := l.features(ctx, e, side, workers, photos, end)
		if err != nil {
			return err
		}
		l.search(photos[:len(rows)], rows)
		return nil
	})
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil && l.Encoder.Weights.Ckpt != "":
		return err // the user asked for this encoder
	case err != nil:
		n.Failed = err.Error()
	case n.Images < len(photos):
		l.budget.cut("neighbors are searched among %s of %s", humanize.Grouped(n.Images), images(len(l.photos)))
	}
	return nil
}

// encoder loads the encoder, or makes an untrained one of the recommended recipe.
func (l *looking) encoder() (e *setup.Encoder, side int, err error) {
	var m config.Machine
	config.Defaults(&m)
	m.Device = l.Device
	m.Settle()
	n := &l.report.Neighbors
	if w := l.Encoder.Weights; w.Ckpt != "" {
		l.Show("loading the encoder …")
		net := l.Encoder.Net
		e, notes, err := setup.LoadEncoder(&net, m, w, l.Encoder.Set)
		n.Notes = notes
		if err != nil {
			return nil, 0, err
		}
		n.Encoder = fmt.Sprintf("%s, %s at %d pixels", w.Ckpt, net.Arch, net.InputRes)
		return e, net.InputRes, nil
	}
	net := l.report.Advice.Config.Net
	n.Untrained = true
	n.Encoder = fmt.Sprintf("an untrained %s at %d pixels, seed %d", net.Arch, net.InputRes, l.Seed)
	e, err = setup.UntrainedEncoder(net, m, l.Seed)
	return e, net.InputRes, err
}

// features computes unit features of photos, in order, until the time is over.
func (l *looking) features(
	ctx context.Context, e *setup.Encoder, side, workers int, photos []*photo, end deadline,
) (rows [][]float32, err error) {
	d, unreadable := data.WithPlaceholder(selected{l.splits, photos}, func(error) {})
	show := throttle(l.Now, func(done, total int) { l.Show(fmt.Sprintf("features of image %d of %d …", done, total)) })
	err = features.EachBatch(e.Model, d, features.Options{
		Size: side, Batch: featureBatch, Workers: workers, Progress: show, Context: ctx,
	}, func(f *torch.Tensor, b *prefetch.Batch) error {
		values, width := f.Float32s(), f.Shape()[1]
		for i, index := range b.Indices {
			row := slices.Clone(values[i*width : (i+1)*width])
			if unreadable.Unreadable(index) || !normalize(row) {
				row = nil
			}
			rows = append(rows, row)
		}
		if end.passed() && len(rows) > nearest {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return rows, err
}

// search finds the neighbors of the first images that have features.
func (l *looking) search(photos []*photo, rows [][]float32) {
	n := &l.report.Neighbors
	n.Images = len(rows)
	for i, row := range rows {
		if row == nil || photos[i].blank {
			continue
		}
		q := Query{Picture: pictureOf(l.splits, photos[i])}
		for _, near := range nearestTo(i, rows) {
			q.Found = append(q.Found, Near{pictureOf(l.splits, photos[near.index]), near.similarity})
		}
		if n.Queries = append(n.Queries, q); len(n.Queries) == queries {
			break
		}
	}
	for _, q := range n.Queries {
		for _, f := range q.Found {
			if q.Picture.Class == "" || f.Picture.Class == "" {
				continue
			}
			n.Shown++
			if q.Picture.Class == f.Picture.Class {
				n.Same++
			}
		}
	}
	if n.Chance = chance(l.splits, photos); n.Chance == 0 || n.Chance == 1 {
		n.Same, n.Shown = 0, 0 // each image has a class of its own, or all have the same
	}
}

// scored is an image and its similarity to a query.
type scored struct {
	index      int
	similarity float64
}

// nearestTo returns the rows nearest to row q, the best first, without q itself.
func nearestTo(q int, rows [][]float32) (best []scored) {
	for i, row := range rows {
		if i == q || row == nil {
			continue
		}
		s := 0.0
		for k, v := range row {
			s += float64(v) * float64(rows[q][k])
		}
		best = append(best, scored{i, s})
	}
	slices.SortStableFunc(best, func(a, b scored) int {
		switch {
		case a.similarity > b.similarity:
			return -1
		case a.similarity < b.similarity:
			return 1
		}
		return 0
	})
	return best[:min(nearest, len(best))]
}

// chance returns the probability that two random photos have the same class.
func chance(all []split, photos []*photo) float64 {
	counts, total := map[string]int{}, 0
	for _, p := range photos {
		if c := pictureOf(all, p).Class; c != "" {
			counts[c]++
			total++
		}
	}
	if total < 2 {
		return 0
	}
	same := 0.0
	for _, n := range counts {
		same += float64(n) * float64(n-1)
	}
	return same / float64(total) / float64(total-1)
}

// normalize scales a row to length 1. It reports whether that is possible.
func normalize(row []float32) bool {
	length := 0.0
	for _, v := range row {
		length += float64(v) * float64(v)
	}
	if !(length > 0) || length > 1e300 {
		return false
	}
	scale := 1 / math.Sqrt(length)
	for i := range row {
		row[i] *= float32(scale)
	}
	return true
}

// spread returns n photos, or all if there are fewer, in a random order that depends on the
// seed alone: one of each class, then a second one of each, and so on.
func (l *looking) spread(n int) []*photo {
	order := rand.New(rand.NewPCG(l.Seed, 0x73686f77)).Perm(len(l.photos))
	rounds := map[int]int{} // photos of each class so far
	type ranked struct{ round, at int }
	var all []ranked
	for _, i := range order {
		p := l.photos[i]
		class := l.splits[p.split].data.Label(p.index)
		all = append(all, ranked{rounds[class], i})
		rounds[class]++
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return a.round - b.round })
	var photos []*photo
	for _, r := range all[:min(n, len(all))] {
		photos = append(photos, l.photos[r.at])
	}
	return photos
}
