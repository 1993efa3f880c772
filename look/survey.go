package look

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"math/rand/v2"
	"slices"
	"sync"

	"contralens/data"
	"contralens/data/codec"
)

// photo is what the survey learns about one image.
type photo struct {
	split, index  int // index in the split's dataset
	seen          bool
	broken        string // why it can't be read; "" if it can
	width, height int
	format        string // "" if it is not a file of its own
	bytes         int64
	deep          bool     // its file has 16-bit gray
	content       [16]byte // hash of its file, or of its pixels if it has none
	*fingerprint           // nil if it was not seen, or can't be read
}

// split is a part of the dataset: images to train on, or to test with.
type split struct {
	name   string
	data   data.Dataset
	photos []photo
}

// splitsOf returns the splits of a dataset that have images.
func splitsOf(p data.Splits) (all []split) {
	for _, s := range []split{
		{name: "train", data: p.Train}, {name: "test", data: p.Test}, {name: "unlabeled", data: p.Unlabeled},
	} {
		if s.data == nil || s.data.Len() == 0 {
			continue
		}
		s.photos = make([]photo, s.data.Len())
		for i := range s.photos {
			s.photos[i].split, s.photos[i].index = len(all), i
		}
		all = append(all, s)
	}
	return all
}

// survey decodes the images of all splits in a random order until the time is over, so that
// what it has seen then is a fair sample. The order depends on the seed alone.
func survey(
	ctx context.Context, all []split, workers int, seed uint64, end deadline, show func(done, total int),
) error {
	var queue []*photo
	for s := range all {
		for i := range all[s].photos {
			queue = append(queue, &all[s].photos[i])
		}
	}
	rng := rand.New(rand.NewPCG(seed, 0x7375727665))
	rng.Shuffle(len(queue), func(i, j int) { queue[i], queue[j] = queue[j], queue[i] })
	var mu sync.Mutex
	next := 0
	take := func() *photo {
		mu.Lock()
		defer mu.Unlock()
		// One batch of images is looked at in any case, so that there is something to show.
		if next == len(queue) || ctx.Err() != nil || (next >= fewest && end.passed()) {
			return nil
		}
		next++
		if show != nil {
			show(next-1, len(queue))
		}
		return queue[next-1]
	}
	var wait sync.WaitGroup
	for range workers {
		wait.Go(func() {
			var r room
			for p := take(); p != nil; p = take() {
				p.look(ctx, all[p.split].data, &r)
			}
		})
	}
	wait.Wait()
	return ctx.Err()
}

// fewest is the number of images that every survey looks at.
const fewest = 64

// look decodes the image and makes its fingerprint.
func (p *photo) look(ctx context.Context, d data.Dataset, r *room) {
	file, err := data.Decode(ctx, d, p.index, r.file, &r.image)
	if ctx.Err() != nil {
		return // the image itself may be fine
	}
	p.seen = true
	if file != nil {
		r.file = file
		p.format, p.bytes, p.deep = codec.Format(file), int64(len(file)), deepGray(file)
	}
	if err != nil {
		p.broken = reason(err)
		return
	}
	p.width, p.height = r.image.W, r.image.H
	content := file
	if content == nil {
		content = r.image.Pix
	}
	sum := sha256.Sum256(content)
	copy(p.content[:], sum[:])
	p.fingerprint = fingerprintOf(&r.image, r)
}

// reason returns what is wrong with an image, without the name of its file.
func reason(err error) string {
	if inner := errors.Unwrap(err); inner != nil {
		err = inner
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return err.Error()
}

// deepGray reports whether a file is PNG with 16-bit gray: depth and color type are in the
// header.
func deepGray(file []byte) bool {
	return codec.Format(file) == "PNG" && len(file) > 25 && file[24] == 16 && (file[25] == 0 || file[25] == 4)
}

// repaired returns the kinds of damage in files that could be read all the same.
func repaired(all []split) (kinds []Bar) {
	counts := map[*codec.Decoder]map[string]int{} // splits share decoders
	for _, s := range all {
		if f, ok := s.data.(data.Files); ok {
			counts[f.Decoder()] = f.Decoder().Repaired()
		}
	}
	for _, c := range counts {
		for kind, n := range c {
			kinds = append(kinds, Bar{kind, n})
		}
	}
	slices.SortFunc(kinds, func(a, b Bar) int { return cmp.Or(b.Count-a.Count, cmp.Compare(a.Label, b.Label)) })
	return kinds
}

// readable returns the images of all splits that were seen and can be read.
func readable(all []split) (photos []*photo) {
	for s := range all {
		for i := range all[s].photos {
			if p := &all[s].photos[i]; p.seen && p.broken == "" {
				photos = append(photos, p)
			}
		}
	}
	return photos
}

// median returns the median of values, or 0 of none.
func median[T int | float64](values []T) T {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
