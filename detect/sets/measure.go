package sets

import (
	"context"
	"fmt"
	"math"
	"sync"

	"contralens/data/codec"
	"contralens/data/pack"
	"contralens/data/store"
	"contralens/detect"
	"contralens/internal/humanize"
	"contralens/internal/machine"
	"contralens/views"
)

// Stats describes a set.
type Stats struct {
	Split     string       `json:"part"`
	Format    string       `json:"format"`
	Images    int          `json:"images"`  // that can be used
	Listed    int          `json:"listed"`  // damaged ones included
	Objects   int          `json:"objects"` // in all
	Without   int          `json:"images_without_objects"`
	PerImage  pack.Range   `json:"objects_per_image"`
	Classes   []ClassStats `json:"classes"`
	Small     int          `json:"small"` // objects, by COCO's sizes: up to 32² square pixels,
	Medium    int          `json:"medium"`
	Large     int          `json:"large"` // and from 96²
	Difficult int          `json:"difficult"`
	Crowds    int          `json:"crowds"`
	Polygons  int          `json:"polygons"` // objects with polygons
	Masks     int          `json:"masks"`    // objects with a mask as run lengths
	Beyond    int          `json:"boxes_beyond_image"`
	Width     pack.Range   `json:"width"`
	Height    pack.Range   `json:"height"`
	Damaged   int          `json:"damaged_images"`      // images with damaged annotations
	Foreign   int          `json:"foreign_annotations"` // of images that the file does not have
	Problems  []string     `json:"problems"`            // one sentence each
	// Unreadable are images that cannot be read, or have another size than annotated.
	Unreadable []string `json:"unreadable"`
}

// ClassStats describes the objects of a class.
type ClassStats struct {
	Name    string     `json:"class"`
	Objects int        `json:"objects"`
	Images  int        `json:"images"`
	Sides   pack.Range `json:"side"` // square root of the area of the box, in pixels
}

// Measure describes a set and decodes all of its images, until ctx ends. progress may be nil.
func Measure(ctx context.Context, set *detect.Set, report *Report, s store.Store, decoder *codec.Decoder, workers int,
	progress func(done, total int),
) (*Stats, error) {
	m := describe(set, report)
	errs := make([]error, len(set.Images))
	if workers <= 0 {
		workers = machine.Processors()
	}
	var wait sync.WaitGroup
	var mu sync.Mutex
	next := 0
	for range workers {
		wait.Go(func() {
			var image views.Image
			for {
				mu.Lock()
				i := next
				next++
				if progress != nil && i < len(set.Images) {
					progress(i, len(set.Images))
				}
				mu.Unlock()
				if i >= len(set.Images) || ctx.Err() != nil {
					return
				}
				errs[i] = Decode(ctx, &set.Images[i], s, decoder, &image)
			}
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil && ctx.Err() == nil {
			m.Unreadable = append(m.Unreadable, err.Error())
		}
	}
	return m, ctx.Err()
}

// Decode reads an image of a set into dst, upright. Another size than annotated is an error.
// decoder may be nil.
func Decode(ctx context.Context, m *detect.Image, s store.Store, decoder *codec.Decoder, dst *views.Image) error {
	file, err := store.ReadFile(ctx, s, m.Path)
	if err != nil {
		return codec.NotAnImage(m.Path, err)
	}
	if err := decoder.Decode(file, dst, func() string { return m.Path }); err != nil {
		return err
	}
	codec.Upright(dst, file)
	return CheckSize(m, dst)
}

// CheckSize returns an error if a decoded image has another size than annotated.
func CheckSize(m *detect.Image, decoded *views.Image) error {
	if decoded.W != m.Width || decoded.H != m.Height {
		return fmt.Errorf("image %s: want the %d x %d pixels of its annotation, got %d x %d",
			humanize.Text(m.Path), m.Width, m.Height, decoded.W, decoded.H)
	}
	return nil
}

// describe is Measure without looking at pixels.
func describe(set *detect.Set, report *Report) *Stats {
	m := &Stats{
		Split: set.Name, Format: set.Format, Images: len(set.Images), Listed: report.Listed, Damaged: report.Damaged,
		Foreign: report.Foreign, Beyond: report.Beyond, Problems: []string{}, Unreadable: []string{}, Classes: []ClassStats{},
	}
	var widths, heights, each []int
	sides := make([][]int, len(set.Classes))
	for _, image := range set.Images {
		widths, heights = append(widths, image.Width), append(heights, image.Height)
		each = append(each, len(image.Objects))
		if len(image.Objects) == 0 {
			m.Without++
		}
		for _, o := range image.Objects {
			m.object(o)
			area := (o.Box[2] - o.Box[0]) * (o.Box[3] - o.Box[1])
			sides[o.Class] = append(sides[o.Class], int(math.Round(math.Sqrt(area))))
		}
	}
	m.Width, m.Height, m.PerImage = pack.Spread(widths), pack.Spread(heights), pack.Spread(each)
	objects, images := Counts(set)
	for class, name := range set.Classes {
		m.Classes = append(m.Classes, ClassStats{name, objects[class], images[class], pack.Spread(sides[class])})
	}
	for _, p := range report.Problems {
		m.Problems = append(m.Problems, p.Err.Error())
	}
	return m
}

// object counts an object.
func (m *Stats) object(o detect.Object) {
	m.Objects++
	switch {
	case o.Area <= 32*32:
		m.Small++
	case o.Area < 96*96:
		m.Medium++
	default:
		m.Large++
	}
	for count, is := range map[*int]bool{
		&m.Difficult: o.Difficult, &m.Crowds: o.Crowd, &m.Polygons: len(o.Shape.Polygons) > 0, &m.Masks: o.Shape.RLE != nil,
	} {
		if is {
			*count++
		}
	}
}
