package sets

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"contralens/data/codec"
	"contralens/data/store"
	"contralens/detect"
	"contralens/internal/humanize"
	"contralens/internal/machine"
)

// VOCClasses are the classes of PASCAL VOC in their order.
var VOCClasses = []string{
	"aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog", "horse",
	"motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
}

// vocRoot is a folder with Annotations, ImageSets and JPEGImages.
type vocRoot struct {
	path, year string // year may be empty
}

const (
	vocAnnotations = "Annotations"
	vocImages      = "JPEGImages"
	vocLists       = "ImageSets/Main"
)

func isVOC(ctx context.Context, o Options) bool { return len(vocRoots(ctx, o)) > 0 }

// vocRoots returns the folder itself if it has VOC's layout, or else those of the years below
// it.
func vocRoots(ctx context.Context, o Options) []vocRoot {
	is := func(name string) bool { return store.IsFolder(ctx, o.Store, path.Join(name, vocAnnotations)) }
	if is(o.Folder) {
		return []vocRoot{{o.Folder, vocYear(o.Folder)}}
	}
	for _, below := range []string{"", "VOCdevkit"} {
		folder := path.Join(o.Folder, below)
		entries, err := o.Store.List(ctx, folder)
		if err != nil {
			continue
		}
		var roots, others []vocRoot
		for _, e := range entries {
			r := vocRoot{path.Join(folder, e.Name), vocYear(e.Name)}
			switch {
			case !e.Folder || !is(r.path):
			case r.year != "":
				roots = append(roots, r)
			default:
				others = append(others, r)
			}
		}
		if len(roots) > 0 {
			return roots
		}
		if len(others) == 1 { // such as BCCD/ in an unpacked archive
			return others
		}
	}
	return nil
}

// vocYear returns the year in the name of a folder such as VOC2007, or "".
func vocYear(name string) string {
	year, ok := strings.CutPrefix(path.Base(name), "VOC")
	if !ok || len(year) != 4 || strings.Trim(year, "0123456789") != "" {
		return ""
	}
	return year
}

// vocList is one list of a split.
type vocList struct {
	vocRoot
	name string
	ids  []string
}

// vocSplit reads the lists of a split.
func vocSplit(ctx context.Context, o Options) ([]vocList, error) {
	roots := vocRoots(ctx, o)
	if len(roots) == 0 {
		return nil, wantAnnotations(ctx, o)
	}
	if o.Split == "" && o.Test { // VOC2012 has no test list, and its val is no usual test beside VOC2007's
		with := slices.DeleteFunc(slices.Clone(roots), func(r vocRoot) bool {
			return !store.Exists(ctx, o.Store, path.Join(r.path, vocLists, "test.txt"))
		})
		if len(with) > 0 {
			roots = with
		}
	}
	var lists []vocList
	for item := range strings.SplitSeq(o.Split, "+") {
		year, name, _ := strings.Cut(item, "_")
		chosen := roots
		if len(year) == 4 && strings.Trim(year, "0123456789") == "" {
			chosen = slices.DeleteFunc(slices.Clone(roots), func(r vocRoot) bool { return r.year != year })
			if len(chosen) == 0 {
				return nil, fmt.Errorf("split %q: want a folder VOC%s in %s, found none", item, year, humanize.Text(o.Folder))
			}
			if name == "" {
				name = "trainval"
			}
		} else {
			name = item
		}
		for _, r := range chosen {
			l, err := readVOCList(ctx, o, r, name)
			if err != nil {
				return nil, err
			}
			lists = append(lists, l)
		}
	}
	return lists, nil
}

// readVOCList reads a list, or the usual one if it has no name.
func readVOCList(ctx context.Context, o Options, r vocRoot, name string) (vocList, error) {
	l := vocList{vocRoot: r, name: name}
	at := func(name string) string { return path.Join(r.path, vocLists, name+".txt") }
	names, err := vocListNames(ctx, o, r)
	if err != nil {
		return l, err
	}
	usual := []string{"trainval", "train"}
	if o.Test {
		usual = []string{"test", "val"}
	}
	for _, u := range usual {
		if l.name == "" && store.Exists(ctx, o.Store, at(u)) {
			l.name = u
		}
	}
	if l.name == "" && o.Test {
		return l, &NoUsualSplit{fmt.Sprintf("%s: want a list test.txt or val.txt to test on, but there are: %s",
			humanize.Text(path.Join(r.path, vocLists)), quoted(names))}
	}
	if l.name == "" {
		entries, err := o.Store.List(ctx, path.Join(r.path, vocAnnotations))
		for _, e := range entries {
			if id, ok := strings.CutSuffix(e.Name, ".xml"); ok && !e.Folder {
				l.ids = append(l.ids, id)
			}
		}
		l.name = "all"
		return l, err
	}
	b, err := store.ReadFile(ctx, o.Store, at(l.name))
	if err != nil {
		return l, fmt.Errorf("split %q: want a list %s, but %w; there are: %s",
			name, humanize.Text(at(l.name)), err, quoted(names))
	}
	err = l.parse(string(b), humanize.Text(at(l.name)), o.Note)
	return l, err
}

// parse reads the ids of a list, the first word of each line. note, which may be nil, tells how many are
// there again.
func (l *vocList) parse(text, where string, note func(string)) error {
	seen := map[string]bool{}
	number, again := 0, 0
	for line := range strings.Lines(text) {
		number++
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		id := fields[0]
		if strings.ContainsAny(id, `/\`) {
			return fmt.Errorf("%s, line %d: want the name of an image without folder and ending, got %q", where, number, id)
		}
		if seen[id] {
			again++
			continue
		}
		seen[id] = true
		l.ids = append(l.ids, id)
	}
	if again > 0 && note != nil {
		note(fmt.Sprintf("%s: left out %s with an image that an earlier one has", where, humanize.Count(again, "line")))
	}
	return nil
}

// vocListNames returns the names of all lists but those of single classes.
func vocListNames(ctx context.Context, o Options, r vocRoot) (names []string, err error) {
	entries, err := list(ctx, o.Store, path.Join(r.path, vocLists))
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name, ".txt"); ok && !strings.Contains(name, "_") {
			names = append(names, name)
		}
	}
	return names, err
}

// vocFile is an image of a list, with what was read about it.
type vocFile struct {
	id, annotation, image string
	read                  vocAnnotation
	problem               error
}

// openVOC reads a split in VOC's layout.
func openVOC(ctx context.Context, o Options) (*detect.Set, *Report, error) {
	lists, err := vocSplit(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	set := &detect.Set{Format: detect.VOC, ElevenPoint: true}
	var files []vocFile
	var names []string
	seen := map[string]bool{}
	for _, l := range lists {
		images, err := imagesByID(ctx, o, path.Join(l.path, vocImages))
		if err != nil {
			return nil, nil, err
		}
		for _, id := range l.ids {
			if seen[l.path+"/"+id] {
				continue // in two lists of a union
			}
			seen[l.path+"/"+id] = true
			files = append(files, vocFile{
				id: id, annotation: path.Join(l.path, vocAnnotations, id+".xml"), image: images[id],
			})
		}
		names = append(names, strings.TrimSpace(path.Base(l.path)+" "+l.name))
		set.ElevenPoint = set.ElevenPoint && l.year == "2007"
	}
	set.Name = strings.Join(names, " + ")
	readVOC(ctx, o, files)
	report := &Report{Listed: len(files)}
	set.Classes = o.Classes
	if set.Classes == nil {
		set.Classes = vocClasses(files)
	}
	for i := range set.Classes {
		set.Categories = append(set.Categories, int64(i+1))
	}
	for i := range files {
		if image, ok := report.vocImage(&files[i], set.Classes); ok {
			set.Images = append(set.Images, image)
		}
	}
	return set, report, wantImages(set, report, o)
}

func wantImages(set *detect.Set, r *Report, o Options) error {
	if len(set.Images) == 0 && o.MaxBad >= 1 {
		return nil // who looks for damage wants the report
	}
	if len(set.Images) == 0 && len(r.Problems) > 0 {
		return fmt.Errorf("%s: want images with annotations in %s, but none is left: %s damaged, first %w",
			humanize.Text(o.Folder), humanize.Text(set.Name), plural(len(r.Problems), "is", "are"), r.Problems[0].Err)
	}
	if len(set.Images) == 0 {
		return fmt.Errorf("%s: want images with annotations in %s, found none",
			humanize.Text(o.Folder), humanize.Text(set.Name))
	}
	return nil
}

// imagesByID maps the names of the images in a folder, without extensions, to their paths. If
// several differ in the extension only, the first one in alphabetical order counts, which is
// .jpg before .png.
func imagesByID(ctx context.Context, o Options, folder string) (map[string]string, error) {
	entries, err := o.Store.List(ctx, folder)
	if err != nil {
		return nil, fmt.Errorf("%s: want a folder with the images, but %w", humanize.Text(folder), err)
	}
	images := map[string]string{}
	for _, e := range entries {
		id := strings.TrimSuffix(e.Name, path.Ext(e.Name))
		if !e.Folder && codec.IsImage(e.Name) && images[id] == "" {
			images[id] = path.Join(folder, e.Name)
		}
	}
	return images, nil
}

// readVOC reads the annotations of all files.
func readVOC(ctx context.Context, o Options, files []vocFile) {
	workers := o.Workers
	if workers <= 0 {
		workers = machine.Processors()
	}
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			for i := w; i < len(files) && ctx.Err() == nil; i += workers {
				f := &files[i]
				b, err := store.ReadFile(ctx, o.Store, f.annotation)
				if err == nil {
					f.read, err = parseVOC(b)
				}
				f.problem = err
			}
		})
	}
	wait.Wait()
}

// vocClasses returns the twenty classes if no other occurs, or else those that occur, sorted.
func vocClasses(files []vocFile) []string {
	found := map[string]bool{}
	for i := range files {
		for _, object := range files[i].read.Objects {
			if object.problem == nil {
				found[object.Name] = true
			}
		}
	}
	var names []string
	own := false
	for name := range found {
		names = append(names, name)
		own = own || !slices.Contains(VOCClasses, name)
	}
	if !own && len(names) > 0 {
		return slices.Clone(VOCClasses)
	}
	slices.Sort(names)
	return names
}

// vocImage makes the image of a file. ok is false if it is left out.
func (r *Report) vocImage(f *vocFile, classes []string) (image detect.Image, ok bool) {
	switch {
	case f.problem != nil:
		r.add(f.id, true, "annotation %s: %v", f.annotation, f.problem)
		return image, false
	case f.image == "":
		r.add(f.id, true, "annotation %s: want an image %s in %s, found none", f.annotation, f.id, vocImages)
		return image, false
	}
	image = detect.Image{ID: f.id, Path: f.image, Width: f.read.width, Height: f.read.height}
	for i, object := range f.read.Objects {
		beyond, err := false, object.problem
		if err == nil {
			beyond, err = checkBox(object.box, image.Width, image.Height)
		}
		if err != nil {
			r.add(f.id, false, "annotation %s: object %d (%s): %v", f.annotation, i+1, object.Name, err)
			continue
		}
		class := slices.Index(classes, object.Name)
		if class < 0 {
			r.other(object.Name)
			continue
		}
		if beyond {
			r.Beyond++
		}
		b := object.box
		image.Objects = append(image.Objects, detect.Object{
			Class: class, Box: b, Area: (b[2] - b[0]) * (b[3] - b[1]), Difficult: object.difficult,
		})
	}
	return image, true
}

// other counts an object of a class that was not asked for.
func (r *Report) other(class string) {
	if r.Others == nil {
		r.Others = map[string]int{}
	}
	r.Others[class]++
}
