// Package sets reads images with annotated objects: folders in PASCAL VOC's layout and JSON
// files in COCO's. Open recognizes them by their files. All files are read through a store.
// Only Measure decodes images.
package sets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"contralens/data"
	"contralens/data/store"
	"contralens/detect"
	"contralens/internal/humanize"
)

// Options select images with objects.
type Options struct {
	Store store.Store // nil: store.Disk
	// Folder is a folder in VOC's layout or one that has such folders (VOC2007, VOC2012,
	// VOCdevkit), a folder of COCO (annotations, images), or a JSON file.
	Folder string
	// Split is one or several lists joined by +. VOC: "2007_trainval+2012_trainval", short
	// "2007+2012", or "train" if the folder has one year or none. COCO: "train2017", for
	// annotations/instances_train2017.json, or a JSON file. Empty: what is usual to train on,
	// VOC's trainval, or train, or all annotations; COCO's train…, or its only JSON.
	Split string
	// Test says that an empty Split is what is usual to test on: VOC's test or val, COCO's val…
	// or test…. Then no two images may have one ID.
	Test   bool
	Images string // COCO: folder of the images; empty: found beside the JSON
	Format string // detect.VOC, detect.COCO; empty: recognized
	// Classes are the names of the classes in their order. Objects of other classes are left
	// out. Nil: VOC's twenty classes in their order if there are no others, or else the names
	// that occur, sorted; of a JSON, its categories by number, and of several, those of the first.
	Classes []string
	// MaxBad is the share of images whose annotations may be damaged. What is damaged is named
	// and left out. With one more image, or any if MaxBad is 0, Open returns an error.
	MaxBad float64
	// NoMasks drops the regions of objects, which need most of the memory of a large JSON.
	NoMasks bool
	Workers int // goroutines that read annotations; 0: one per processor
	// Note receives a sentence about everything that is left out. It may be nil.
	Note func(string)
}

// Problem is a damaged annotation, and so is an image without its file.
type Problem struct {
	Image string // ID of the image
	Whole bool   // the whole image is left out, not just an object
	Err   error  // names file and object

	foreign bool // the annotation belongs to no image of the file
}

// Report says what Open left out.
type Report struct {
	Listed   int // images in the lists, damaged ones included
	Damaged  int // images with a problem
	Problems []Problem
	// Foreign is the number of annotations of a COCO file that belong to none of its images. MaxBad
	// allows them as it allows damaged images.
	Foreign int
	// Beyond is the number of boxes that reach more than a pixel beyond their image. They are
	// kept: a loader cuts them.
	Beyond int
	// Others counts objects by their class if that is not among those of the set.
	Others map[string]int
}

// Open reads the annotations of a split. The images keep the order of the lists of VOC, or that
// of their numbers in COCO.
func Open(ctx context.Context, o Options) (*detect.Set, *Report, error) {
	if o.Store == nil {
		o.Store = store.Disk{}
	}
	open := map[string]func(context.Context, Options) (*detect.Set, *Report, error){
		detect.VOC: openVOC, detect.COCO: openCOCO,
	}[o.Format]
	switch {
	case open != nil:
	case o.Format != "":
		return nil, nil, fmt.Errorf("annotations: want format %s or %s, got %q", detect.VOC, detect.COCO, o.Format)
	case isVOC(ctx, o):
		open = openVOC
	case IsAnnotated(ctx, o.Store, o.Folder):
		open = openCOCO
	default:
		return nil, nil, wantAnnotations(ctx, o)
	}
	set, report, err := open(ctx, o)
	if ctx.Err() != nil { // files that were not found may exist
		return nil, nil, fmt.Errorf("%s: reading annotations was stopped: %w", humanize.Text(o.Folder), ctx.Err())
	}
	if err != nil {
		return nil, nil, err
	}
	if err := wantClasses(set, report, o); err != nil {
		return nil, nil, err
	}
	if err := wantIDs(set, o); err != nil {
		return nil, nil, err
	}
	return set, report, report.finish(set, o)
}

// wantIDs returns an error if two images to test on have one ID, as those of different years or files
// may: results name an image by its ID alone.
func wantIDs(set *detect.Set, o Options) error {
	if !o.Test {
		return nil
	}
	paths := make(map[string]string, len(set.Images))
	for _, m := range set.Images {
		if first, twice := paths[m.ID]; twice {
			return fmt.Errorf("%s: want images with different ids to test on, got %s for %s and %s of %s; "+
				"test on one split at a time", humanize.Text(o.Folder), humanize.Text(m.ID), humanize.Text(first),
				humanize.Text(m.Path), humanize.Text(set.Name))
		}
		paths[m.ID] = m.Path
	}
	return nil
}

// wantClasses returns an error if all objects are of other classes than those asked for.
func wantClasses(set *detect.Set, r *Report, o Options) error {
	if len(r.Others) == 0 || slices.ContainsFunc(set.Images, func(m detect.Image) bool { return len(m.Objects) > 0 }) {
		return nil
	}
	return fmt.Errorf("%s: want objects of %s in %s, got only %s", humanize.Text(o.Folder),
		humanize.Text(quoted(set.Classes)), humanize.Text(set.Name), humanize.Text(listed(r.Others)))
}

// IsAnnotated reports whether a name in a store is a folder or a JSON file that Open can read,
// judged by names alone.
func IsAnnotated(ctx context.Context, s store.Store, folder string) bool {
	o := Options{Store: s, Folder: folder}
	if isVOC(ctx, o) || isJSON(folder) && store.Exists(ctx, s, folder) {
		return true
	}
	files, err := jsonFiles(ctx, o)
	return err == nil && len(files) > 0 // Open says what is wrong with a folder that cannot be listed
}

func wantAnnotations(ctx context.Context, o Options) error {
	folder := humanize.Text(o.Folder)
	if _, local := o.Store.(store.Disk); local && store.IsURL(o.Folder) {
		return fmt.Errorf("%s: want a folder with annotations or a JSON file on this machine, got a URL: "+
			"copy the data here first", folder)
	}
	if info, err := o.Store.Stat(ctx, o.Folder); err != nil {
		return fmt.Errorf("%s: want a folder with annotations or a JSON file, but %w", folder, store.Cause(err))
	} else if !info.Folder {
		return fmt.Errorf("%s: want a folder with annotations or a .json file, got another file", folder)
	}
	for _, name := range []string{"", "annotations", "VOCdevkit"} {
		dir := path.Join(o.Folder, name)
		if _, err := o.Store.List(ctx, dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: want a folder that can be read, but %w", humanize.Text(dir), store.Cause(err))
		}
	}
	const (
		voc  = "VOC's layout (Annotations, ImageSets/Main and JPEGImages, in it or in VOC2007, VOC2012 or VOCdevkit below it)"
		coco = "COCO's layout (annotations/instances_SPLIT.json)"
	)
	switch {
	case o.Format == detect.VOC && IsAnnotated(ctx, o.Store, o.Folder):
		return fmt.Errorf("%s: want %s, but it has COCO's", folder, voc)
	case o.Format == detect.COCO && isVOC(ctx, o):
		return fmt.Errorf("%s: want %s, but it has VOC's", folder, coco)
	}
	return fmt.Errorf("%s: want %s or %s, found neither", folder, voc, coco)
}

func isJSON(name string) bool { return strings.EqualFold(path.Ext(name), ".json") }

// add notes a problem.
func (r *Report) add(image string, whole bool, format string, args ...any) {
	err := errors.New(humanize.Text(fmt.Sprintf(format, args...)))
	r.Problems = append(r.Problems, Problem{Image: image, Whole: whole, Err: err})
}

// stranger marks the last problem as that of an annotation of no image of the file.
func (r *Report) stranger() { r.Problems[len(r.Problems)-1].foreign = true }

// finish counts damaged images, tells what was left out, and returns an error if it is too much.
func (r *Report) finish(set *detect.Set, o Options) error {
	damaged := map[string]bool{}
	foreign := map[string]bool{}
	for _, p := range r.Problems {
		if p.foreign {
			foreign[p.Image] = true
			r.Foreign++
		} else {
			damaged[p.Image] = true
		}
	}
	r.Damaged = len(damaged)
	if n := len(r.Problems); n > 0 {
		last := r.Problems[n-1].Err
		if o.MaxBad == 0 {
			return r.Problems[0].Err
		}
		if bad := min(r.Damaged+len(foreign), r.Listed); bad > data.Allowed(o.MaxBad, r.Listed) {
			return &data.TooManyUnreadable{
				Unreadable: bad, Images: r.Listed, Share: o.MaxBad, Last: last, Fault: "have damaged annotations",
			}
		}
	}
	if o.Note == nil {
		return nil
	}
	for _, p := range r.Problems {
		what := "object"
		if p.Whole {
			what = "image"
		}
		o.Note(fmt.Sprintf("left out an %s: %v", what, p.Err))
	}
	if r.Beyond > 0 {
		o.Note(fmt.Sprintf("%s more than a pixel beyond the image and will be cut there",
			plural(r.Beyond, "box reaches", "boxes reach")))
	}
	if len(r.Others) > 0 {
		from := ""
		if o.Classes == nil { // a union of JSON files
			from = ", which the first file has"
		}
		o.Note(fmt.Sprintf("left out objects of other classes than %s%s: %s", humanize.Text(quoted(set.Classes)), from,
			humanize.Text(listed(r.Others))))
	}
	return nil
}

// checkBox returns an error for a box that has no area or lies outside of its image. beyond
// reports whether it reaches more than a pixel beyond it.
func checkBox(box [4]float64, width, height int) (beyond bool, err error) {
	w, h := float64(width), float64(height)
	for _, v := range box {
		if !(v > -maxCoordinate && v < maxCoordinate) {
			return false, fmt.Errorf("want a box of numbers within ±%g, got %v", float64(maxCoordinate), v)
		}
	}
	switch {
	case box[2] <= box[0] || box[3] <= box[1]:
		return false, fmt.Errorf("want a box with an area, got x %s to %s and y %s to %s",
			short(box[0]), short(box[2]), short(box[1]), short(box[3]))
	case box[0] >= w || box[1] >= h || box[2] <= 0 || box[3] <= 0:
		return false, fmt.Errorf("want a box in its image of %d x %d pixels, got x %s to %s and y %s to %s",
			width, height, short(box[0]), short(box[2]), short(box[1]), short(box[3]))
	}
	return box[0] < -1 || box[1] < -1 || box[2] > w+1 || box[3] > h+1, nil
}

// maxCoordinate is far beyond any image. It keeps products of damaged numbers finite.
const maxCoordinate = 1e6

// maxSide is the longest side of an image that annotations may name.
const maxSide = 1 << 18
