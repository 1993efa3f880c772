package score

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"contralens/detect"
	"contralens/detect/mask"
	"contralens/internal/durable"
	"contralens/internal/humanize"
)

// Entry is a detection as a file of results has it.
type Entry struct {
	Image string     // ID
	Class int        // index
	Box   [4]float64 // x, y, width, height
	Score float64
	Mask  *mask.RLE // nil without masks
}

// Entries returns the detections of all images in order. Widths and heights are differences in
// float32, as in Detectron2's files.
func Entries(set *detect.Set, found [][]detect.Detection) []Entry {
	var list []Entry
	for i, detections := range found {
		for _, d := range detections {
			b := d.Box
			list = append(list, Entry{
				Image: set.Images[i].ID, Class: int(d.Class), Score: float64(d.Score), Mask: d.Mask,
				Box: [4]float64{float64(b[0]), float64(b[1]), float64(b[2] - b[0]), float64(b[3] - b[1])},
			})
		}
	}
	return list
}

// row is an element of COCO's file of results.
type row struct {
	Image        json.RawMessage `json:"image_id"` // a number, or a text in sets like VOC
	Category     int64           `json:"category_id"`
	Name         string          `json:"category,omitempty"` // in sets like VOC
	Box          []float64       `json:"bbox,omitempty"`
	Score        *float64        `json:"score"`
	Segmentation *mask.RLE       `json:"segmentation,omitempty"`
}

// WriteResults writes entries in COCO's format of results: a JSON list. In sets without
// numbers, image_id is a text and category has the name of the class.
func WriteResults(w io.Writer, set *detect.Set, entries []Entry) error {
	b := bufio.NewWriter(w)
	b.WriteString("[")
	for i, e := range entries {
		if i > 0 {
			b.WriteString(",")
		}
		r := row{Category: set.Categories[e.Class], Box: e.Box[:], Score: &e.Score, Segmentation: e.Mask}
		r.Image = json.RawMessage(e.Image)
		if !set.NumericIDs {
			id, err := json.Marshal(e.Image)
			if err != nil {
				return err
			}
			r.Image, r.Name = id, set.Classes[e.Class]
		}
		text, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("detection %d of image %s: %w", i+1, humanize.Text(e.Image), err)
		}
		b.WriteString("\n")
		b.Write(text)
	}
	b.WriteString("\n]\n")
	return b.Flush()
}

// ReadResults reads a file of results of the images of a set, by whichever program it was
// written.
func ReadResults(r io.Reader, set *detect.Set) ([]Entry, error) {
	classes, images := map[int64]int{}, map[string]*detect.Image{}
	for class, number := range set.Categories {
		classes[number] = class
	}
	for i := range set.Images {
		images[set.Images[i].ID] = &set.Images[i]
	}
	d := json.NewDecoder(bufio.NewReaderSize(r, 1<<20))
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return nil, errors.New("results: want a JSON list of detections")
	}
	var list []Entry
	for d.More() {
		var v row
		if err := d.Decode(&v); err != nil {
			return nil, fmt.Errorf("results: detection %d: %w", len(list)+1, err)
		}
		e := Entry{Image: strings.Trim(string(v.Image), `"`), Mask: v.Segmentation}
		if len(v.Image) > 0 && v.Image[0] == '"' {
			if err := json.Unmarshal(v.Image, &e.Image); err != nil {
				return nil, fmt.Errorf("results: detection %d: %w", len(list)+1, err)
			}
		}
		class, known := classes[v.Category]
		image := images[e.Image]
		var err error
		switch {
		case image == nil:
			err = fmt.Errorf("want an image of %s, got %.40s", set.Name, v.Image)
		case !known:
			err = fmt.Errorf("want a category of %s, got %d", set.Name, v.Category)
		case v.Score == nil:
			err = errors.New("want a score, found none")
		case len(v.Box) != 4 && (v.Box != nil || v.Segmentation == nil):
			err = fmt.Errorf("want a bbox of 4 numbers, got %d", len(v.Box))
		case e.Mask != nil && (e.Mask.Width != image.Width || e.Mask.Height != image.Height):
			err = fmt.Errorf("want a mask of the %d x %d pixels of image %s, got %d x %d",
				image.Width, image.Height, e.Image, e.Mask.Width, e.Mask.Height)
		}
		if err != nil {
			return nil, fmt.Errorf("results: detection %d: %s", len(list)+1, humanize.Text(err.Error()))
		}
		e.Class, e.Score = class, *v.Score
		if v.Box != nil {
			e.Box = [4]float64(v.Box)
		} else {
			e.Box = v.Segmentation.Box()
		}
		list = append(list, e)
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("results: after detection %d: %w", len(list), err)
	}
	return list, nil
}

// WriteVOC writes VOC's files of results, comp4_det_test_CLASS.txt, to a folder, one for each
// class: a line "image score xmin ymin xmax ymax" for each detection.
func WriteVOC(folder string, set *detect.Set, found [][]detect.Detection) error {
	if err := check(set, found); err != nil {
		return err
	}
	for class, name := range set.Classes {
		file := filepath.Join(folder, "comp4_det_test_"+strings.NewReplacer("/", "_", "\x00", "_").Replace(name)+".txt")
		err := durable.Write(file, func(w io.Writer) error {
			b := bufio.NewWriter(w)
			for i, detections := range found {
				for _, d := range detections {
					if int(d.Class) == class {
						score, box := vocTexts(d)
						fmt.Fprintln(b, set.Images[i].ID, score, box[0], box[1], box[2], box[3])
					}
				}
			}
			return b.Flush()
		})
		if err != nil {
			return err
		}
	}
	return nil
}
