package sets

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"contralens/data/store"
	"contralens/detect/mask"
	"contralens/internal/humanize"
)

// cocoContent is what is read of a JSON file.
type cocoContent struct {
	images      []cocoImage
	categories  []cocoCategory
	annotations []cocoAnnotation
}

type cocoImage struct {
	ID     int64  `json:"id"`
	File   string `json:"file_name"`
	Width  int    `json:"width"`
	Height int    `json:"height"`

	number  int // in the file, from 1
	problem error
}

type cocoCategory struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

type cocoAnnotation struct {
	ID           int64           `json:"id"`
	ImageID      int64           `json:"image_id"`
	CategoryID   int64           `json:"category_id"`
	Box          []float64       `json:"bbox"` // x, y, width, height
	Area         *float64        `json:"area"`
	Crowd        flag            `json:"iscrowd"`
	Ignore       flag            `json:"ignore"`
	Segmentation json.RawMessage `json:"segmentation"`

	Polygons [][]float64 `json:"-"`
	RLE      *mask.RLE   `json:"-"`
	number   int
	problem  error
}

// flag is 0 or 1, or false or true, as some programs write it.
type flag int

func (f *flag) UnmarshalJSON(b []byte) error {
	switch string(bytes.TrimSpace(b)) {
	case "0", "false", "null", "0.0":
		*f = 0
	case "1", "true", "1.0":
		*f = 1
	default:
		return fmt.Errorf("want 0 or 1 as a flag, got %.20s", b)
	}
	return nil
}

// readCOCO reads a JSON file piece by piece: COCO's own has half a gigabyte.
func readCOCO(ctx context.Context, s store.Store, name string) (*cocoContent, error) {
	file, err := s.Open(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("annotations %s: %w", humanize.Text(name), err)
	}
	defer file.Close()
	d := json.NewDecoder(bufio.NewReaderSize(file, 1<<20))
	c, err := content(d)
	if err != nil && ctx.Err() == nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("it ends early")
		}
		return nil, fmt.Errorf("annotations %s: want a JSON file in COCO's format, but at byte %d: %w",
			humanize.Text(name), d.InputOffset(), kind(err))
	}
	return c, err
}

// content reads the object at the top of the file.
func content(d *json.Decoder) (*cocoContent, error) {
	c := &cocoContent{}
	if err := open(d, '{'); err != nil {
		return nil, err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch key {
		case "images":
			err = each(d, func(number int) error {
				m := cocoImage{number: number}
				err := element(d, &m, &m.problem)
				c.images = append(c.images, m)
				return err
			})
		case "categories":
			err = each(d, func(int) error {
				var k cocoCategory
				c.categories = append(c.categories, k)
				return d.Decode(&c.categories[len(c.categories)-1])
			})
		case "annotations":
			err = each(d, func(number int) error {
				a := cocoAnnotation{number: number}
				err := element(d, &a, &a.problem)
				if a.problem == nil {
					a.problem = a.region()
				}
				c.annotations = append(c.annotations, a)
				return err
			})
		default:
			var skipped json.RawMessage
			err = d.Decode(&skipped)
		}
		if err != nil {
			return nil, err
		}
	}
	_, err := d.Token()
	return c, err
}

// open reads the bracket at the start of an object or a list.
func open(d *json.Decoder, want json.Delim) error {
	t, err := d.Token()
	if err == nil && t != want {
		err = fmt.Errorf("want %v, got %v", want, t)
	}
	return err
}

// each calls f for every element of a list.
func each(d *json.Decoder, f func(number int) error) error {
	if err := open(d, '['); err != nil {
		return err
	}
	for number := 1; d.More(); number++ {
		if err := f(number); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// element reads an element of a list. An element that is JSON but not what is wanted is a
// problem of its own, after which the list goes on.
func element(d *json.Decoder, v any, problem *error) error {
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return err
	}
	*problem = kind(json.Unmarshal(raw, v))
	return nil
}

// kind says which value has the wrong type, without the names of Go's types.
func kind(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Errorf("want another kind of value as %s, got a %s", cmp.Or(wrong.Field, "element"), wrong.Value)
	}
	return err
}

// region reads the segmentation, which is a list of polygons or an object.
func (a *cocoAnnotation) region() (err error) {
	text := bytes.TrimSpace(a.Segmentation)
	switch {
	case len(text) == 0, string(text) == "null":
	case text[0] == '[':
		err = kind(json.Unmarshal(text, &a.Polygons))
	default:
		err = json.Unmarshal(text, &a.RLE)
	}
	a.Segmentation = nil
	return err
}
