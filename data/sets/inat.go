package sets

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"

	"contralens/data"
	"contralens/data/store"
)

// Limits of an annotation file: the size of one entry, and the number of entries. The
// largest iNaturalist file has 2.7 million images.
const (
	maxAnnotationBytes = 1 << 20
	maxAnnotations     = 20_000_000
)

// annotations has the classification data of a COCO-like annotation file.
type annotations struct {
	images     map[int64]string // id → file name
	classes    map[int64]string // category id → name
	categories map[int64]int64  // image id → category id
}

// openINat18 reads iNaturalist 2018 as distributed: train2018.json and val2018.json
// (images, annotations, categories) beside the folder train_val2018 with the images.
// Classes are the categories in the order of their ids.
func openINat18(ctx context.Context, o Options) (p data.Splits, err error) {
	train, val := store.Join(o.Folder, "train2018.json"), store.Join(o.Folder, "val2018.json")
	a, err := readAnnotations(ctx, o, train)
	if err != nil {
		return p, err
	}
	ids := slices.Sorted(maps.Keys(a.classes))
	p.Train, err = a.dataset(o, ids, a.classes)
	if err != nil {
		return p, fmt.Errorf("%s: %w", train, err)
	}
	if !store.Exists(ctx, o.Store, val) {
		return p, nil
	}
	p.Test, err = o.testSplit(ctx, func() (data.Dataset, error) {
		b, err := readAnnotations(ctx, o, val)
		if err != nil {
			return nil, err
		}
		d, err := b.dataset(o, ids, a.classes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", val, err)
		}
		return d, nil
	})
	return p, err
}

// dataset lists the annotated images in the order of their ids. ids are the categories
// in the order of their labels.
func (a *annotations) dataset(o Options, ids []int64, names map[int64]string) (data.Dataset, error) {
	label := make(map[int64]int, len(ids))
	f := &files{store: o.Store, decoder: o.decoder, name: o.Name}
	for i, id := range ids {
		label[id] = i
		f.classes = append(f.classes, names[id])
	}
	for _, id := range slices.Sorted(maps.Keys(a.images)) {
		category, ok := a.categories[id]
		if !ok {
			return nil, fmt.Errorf("image %d (%s): want an annotation, found none", id, a.images[id])
		}
		l, ok := label[category]
		if !ok {
			return nil, fmt.Errorf("image %d (%s): its category %d is not among the %d of train2018.json",
				id, a.images[id], category, len(ids))
		}
		f.add(store.Join(o.Folder, a.images[id]), l)
	}
	if f.Len() == 0 {
		return nil, errors.New("want annotated images, found none")
	}
	return f, nil
}

// gate is a reader that fails after left bytes, so that no single value of a file can
// fill the memory.
type gate struct {
	r    io.Reader
	left int
}

var errTooLong = fmt.Errorf("an entry is longer than %d bytes", maxAnnotationBytes)

func (g *gate) Read(p []byte) (int, error) {
	if g.left <= 0 {
		return 0, errTooLong
	}
	n, err := g.r.Read(p[:min(len(p), g.left)])
	g.left -= n
	return n, err
}

// readAnnotations reads an annotation file entry by entry. It keeps only what
// classification needs in memory.
func readAnnotations(ctx context.Context, o Options, name string) (*annotations, error) {
	f, err := o.Store.Open(ctx, name)
	if err != nil {
		return nil, wrongOption(Name, o.Name, "want %s, with the images below it as the file names them, but %w", name, err)
	}
	defer f.Close()
	a, err := decodeAnnotations(f)
	if err != nil {
		return nil, fmt.Errorf("%s: want a JSON object with lists of images, annotations and categories: %w", name, err)
	}
	return a, nil
}

func decodeAnnotations(r io.Reader) (*annotations, error) {
	g := &gate{r: bufio.NewReaderSize(r, 1<<16)}
	dec := json.NewDecoder(g)
	a := &annotations{images: map[int64]string{}, classes: map[int64]string{}, categories: map[int64]int64{}}
	entries := map[json.Token]func(*json.Decoder) error{"images": a.image, "annotations": a.annotation,
		"categories": a.category}
	// refill lets the decoder read one more entry.
	refill := func() { g.left = maxAnnotationBytes }
	refill()
	if err := delim(dec, '{'); err != nil {
		return nil, err
	}
	for dec.More() {
		refill()
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		entry := entries[key]
		if entry == nil {
			if err := skip(dec, refill); err != nil {
				return nil, err
			}
			continue
		}
		if err := delim(dec, '['); err != nil {
			return nil, fmt.Errorf("%v: %w", key, err)
		}
		for n := 1; dec.More(); n++ {
			refill()
			if n > maxAnnotations {
				return nil, fmt.Errorf("%v: more than %d entries", key, maxAnnotations)
			}
			if err := entry(dec); err != nil {
				return nil, fmt.Errorf("%v, entry %d: %w", key, n, err)
			}
		}
		if err := delim(dec, ']'); err != nil {
			return nil, err
		}
	}
	refill()
	return a, delim(dec, '}')
}

func (a *annotations) image(dec *json.Decoder) error {
	var v struct {
		ID   *int64 `json:"id"`
		File string `json:"file_name"`
	}
	if err := dec.Decode(&v); err != nil {
		return err
	}
	if v.ID == nil || !filepath.IsLocal(filepath.FromSlash(v.File)) {
		return fmt.Errorf("want an id and a file_name below the dataset's folder, got %q", v.File)
	}
	if _, twice := a.images[*v.ID]; twice {
		return fmt.Errorf("image %d appears twice", *v.ID)
	}
	a.images[*v.ID] = v.File
	return nil
}

func (a *annotations) annotation(dec *json.Decoder) error {
	var v struct {
		Image    *int64 `json:"image_id"`
		Category *int64 `json:"category_id"`
	}
	if err := dec.Decode(&v); err != nil {
		return err
	}
	if v.Image == nil || v.Category == nil {
		return errors.New("want image_id and category_id")
	}
	a.categories[*v.Image] = *v.Category
	return nil
}

func (a *annotations) category(dec *json.Decoder) error {
	var v struct {
		ID   *int64 `json:"id"`
		Name any    `json:"name"` // a number in the version with hidden names
	}
	if err := dec.Decode(&v); err != nil {
		return err
	}
	if v.ID == nil {
		return errors.New("want an id")
	}
	a.classes[*v.ID] = fmt.Sprint(v.Name)
	return nil
}

func delim(dec *json.Decoder, want json.Delim) error {
	token, err := dec.Token()
	if err == nil && token != want {
		err = fmt.Errorf("want %q, got %v", want, token)
	}
	return err
}

// skip skips a value of any size.
func skip(dec *json.Decoder, refill func()) error {
	for depth := 0; ; {
		refill()
		token, err := dec.Token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}
