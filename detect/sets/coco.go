package sets

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"contralens/detect"
	"contralens/detect/mask"
	"contralens/internal/humanize"
)

// openCOCO reads a split in COCO's format.
func openCOCO(ctx context.Context, o Options) (*detect.Set, *Report, error) {
	files, err := cocoFiles(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	set := &detect.Set{Format: detect.COCO, NumericIDs: true}
	report := &Report{}
	var names []string
	for i, f := range files {
		content, err := readCOCO(ctx, o.Store, f.path)
		if err != nil {
			return nil, nil, err
		}
		c := &coco{o: o, set: set, report: report, file: f, content: content}
		if err := c.classes(i == 0); err != nil {
			return nil, nil, err
		}
		if err := c.images(ctx); err != nil {
			return nil, nil, err
		}
		names = append(names, cmp.Or(f.split, path.Base(f.path)))
	}
	set.Name = strings.Join(names, " + ")
	return set, report, wantImages(set, report, o)
}

// coco turns the content of one JSON file into images of a set.
type coco struct {
	o       Options
	set     *detect.Set
	report  *Report
	file    jsonFile
	content *cocoContent
	class   map[int64]int    // of a category, or -1 if its objects are left out
	names   map[int64]string // of all categories
}

// classes maps the categories of the file to classes: by number, or by name if the classes are
// given or come from a file before.
func (c *coco) classes(first bool) error {
	where := humanize.Text(c.file.path)
	c.class, c.names = map[int64]int{}, map[int64]string{}
	categories := c.content.categories
	slices.SortStableFunc(categories, func(a, b cocoCategory) int { return cmp.Compare(a.ID, b.ID) })
	if len(categories) == 0 {
		return fmt.Errorf("%s: want categories, found none", where)
	}
	for _, k := range categories {
		if _, twice := c.names[k.ID]; twice {
			return fmt.Errorf("%s: want categories with different ids, got %d twice", where, k.ID)
		}
		c.names[k.ID] = k.Name
	}
	if first {
		c.set.Classes = c.o.Classes
		for _, k := range categories {
			if c.o.Classes == nil {
				c.set.Classes = append(c.set.Classes, k.Name)
			}
		}
		c.set.Categories = make([]int64, len(c.set.Classes))
	}
	used := map[int]bool{}
	for _, k := range categories {
		at := slices.Index(c.set.Classes, k.Name)
		if at >= 0 && used[at] { // two categories of one name are two classes
			at = slices.Index(c.set.Classes[at+1:], k.Name) + at + 1
		}
		c.class[k.ID] = at
		if at < 0 {
			continue
		}
		used[at] = true
		if first {
			c.set.Categories[at] = k.ID
		}
	}
	for i, name := range c.set.Classes {
		if !used[i] && c.o.Classes != nil {
			return fmt.Errorf("%s: want a category %q, but there are: %s", where, name,
				humanize.Text(quoted(categoryNames(categories))))
		}
	}
	return nil
}

func categoryNames(categories []cocoCategory) (names []string) {
	for _, k := range categories {
		names = append(names, k.Name)
	}
	return names
}

// images adds the images of the file to the set, by number.
func (c *coco) images(ctx context.Context) error {
	images := c.content.images
	slices.SortStableFunc(images, func(a, b cocoImage) int { return cmp.Compare(a.ID, b.ID) })
	c.report.Listed += len(images)
	files, missing, err := c.find(ctx, images)
	if err != nil {
		return err
	}
	at := map[int64]int{} // index in the set; -1 if left out
	for i, m := range images {
		id := strconv.FormatInt(m.ID, 10)
		where := fmt.Sprintf("annotations %s: image %d (%s)", c.file.path, m.ID, m.File)
		_, twice := at[m.ID]
		switch {
		case m.problem != nil:
			c.report.add(fmt.Sprintf("number %d", m.number), true, "annotations %s: image number %d: %v",
				c.file.path, m.number, m.problem)
			continue
		case twice:
			c.report.add(id, true, "%s: want images with different ids, got this one again", where)
			continue
		case m.Width < 1 || m.Height < 1 || m.Width > maxSide || m.Height > maxSide:
			c.report.add(id, true, "%s: want sides from 1 to %d, got %d x %d", where, maxSide, m.Width, m.Height)
		case files[i] == "":
			c.report.add(id, true, "%s: %v", where, missing[i])
		default:
			at[m.ID] = len(c.set.Images)
			c.set.Images = append(c.set.Images, detect.Image{ID: id, Path: files[i], Width: m.Width, Height: m.Height})
			continue
		}
		at[m.ID] = -1
	}
	c.objects(at)
	return nil
}

// objects adds the annotations of the file to their images, in the order of the file.
func (c *coco) objects(at map[int64]int) {
	ids := map[int64]bool{}
	repeated := 0
	for _, a := range c.content.annotations {
		image := strconv.FormatInt(a.ImageID, 10)
		index, known := at[a.ImageID]
		where := fmt.Sprintf("annotations %s: annotation %d of image %d", c.file.path, a.ID, a.ImageID)
		if a.problem == nil && known && index < 0 {
			continue // its image is left out
		}
		if ids[a.ID] {
			repeated++
		}
		ids[a.ID] = true
		class, category := c.class[a.CategoryID]
		switch {
		case a.problem != nil:
			c.report.add(image, false, "annotations %s: annotation number %d: %v", c.file.path, a.number, a.problem)
			if !known {
				c.report.stranger()
			}
			continue
		case !known:
			c.report.add(image, false, "%s: want an image of the file", where)
			c.report.stranger()
			continue
		case !category:
			c.report.add(image, false, "%s: want a category of the file, got %d", where, a.CategoryID)
			continue
		}
		m := &c.set.Images[index]
		object, beyond, err := a.object(m.Width, m.Height)
		if err != nil {
			c.report.add(image, false, "%s (%s): %v", where, c.names[a.CategoryID], err)
			continue
		}
		if class < 0 {
			c.report.other(c.names[a.CategoryID])
			continue
		}
		if beyond {
			c.report.Beyond++
		}
		object.Class = class
		if c.o.NoMasks {
			object.Shape = mask.Shape{}
		}
		m.Objects = append(m.Objects, object)
	}
	if repeated > 0 && c.o.Note != nil {
		c.o.Note(fmt.Sprintf("%s: %s an id that another one has; nothing here uses it, but other programs do",
			humanize.Text(c.file.path), plural(repeated, "annotation has", "annotations have")))
	}
}

// object checks an annotation and returns its object, without the class.
func (a *cocoAnnotation) object(width, height int) (o detect.Object, beyond bool, err error) {
	if len(a.Box) != 4 {
		return o, false, fmt.Errorf("want a bbox of 4 numbers, got %d", len(a.Box))
	}
	if a.Ignore != 0 {
		return o, false, fmt.Errorf("want no ignore flag, because its meaning is not defined, got %v", a.Ignore)
	}
	x, y, w, h := a.Box[0], a.Box[1], a.Box[2], a.Box[3]
	o = detect.Object{Box: [4]float64{x, y, x + w, y + h}, Area: w * h, Crowd: a.Crowd != 0}
	if a.Area != nil {
		if o.Area = *a.Area; !(o.Area >= 0 && o.Area <= maxCoordinate*maxCoordinate) {
			return o, false, fmt.Errorf("want an area of at least 0, got %v", o.Area)
		}
	}
	if beyond, err = checkBox(o.Box, width, height); err != nil {
		return o, false, err
	}
	o.Shape, err = a.shape(width, height)
	return o, beyond, err
}

// shape reads the segmentation: polygons, of which those without three points are dropped, or a
// mask in either of its codes.
func (a *cocoAnnotation) shape(width, height int) (s mask.Shape, err error) {
	switch {
	case a.RLE != nil:
		if a.RLE.Width != width || a.RLE.Height != height {
			return s, fmt.Errorf("want a mask of the image's %d x %d pixels, got %d x %d",
				width, height, a.RLE.Width, a.RLE.Height)
		}
		s.RLE = a.RLE
	case len(a.Polygons) > 0:
		for _, p := range a.Polygons {
			if err = mask.CheckPolygon(p); err == nil {
				s.Polygons = append(s.Polygons, p)
			}
		}
		if len(s.Polygons) > 0 {
			err = nil
		}
	}
	return s, err
}
