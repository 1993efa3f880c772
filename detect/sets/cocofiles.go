package sets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"

	"contralens/data/codec"
	"contralens/data/store"
	"contralens/internal/humanize"
)

// jsonFile is a JSON file of annotations and the split that it is for.
type jsonFile struct{ path, split string }

// jsonFiles lists the annotations in a folder of COCO: annotations/instances_SPLIT.json, or
// other JSON files there, or SPLIT/_annotations.coco.json.
func jsonFiles(ctx context.Context, o Options) (files []jsonFile, err error) {
	if isJSON(o.Folder) {
		return []jsonFile{{o.Folder, splitOf(o.Folder)}}, nil
	}
	folder := path.Join(o.Folder, "annotations")
	entries, err := list(ctx, o.Store, folder)
	if err != nil {
		return nil, err
	}
	var others []jsonFile
	for _, e := range entries {
		f := jsonFile{path.Join(folder, e.Name), splitOf(e.Name)}
		switch {
		case e.Folder || !isJSON(e.Name):
		case strings.HasPrefix(e.Name, "instances_"):
			files = append(files, f)
		case strings.HasPrefix(e.Name, "captions_"), strings.HasPrefix(e.Name, "person_keypoints_"):
		default:
			others = append(others, f)
		}
	}
	if len(files) == 0 {
		files = others
	}
	if len(files) > 0 {
		return files, nil
	}
	if entries, err = list(ctx, o.Store, o.Folder); err != nil {
		return nil, err
	}
	for _, e := range entries {
		if name := path.Join(o.Folder, e.Name, "_annotations.coco.json"); e.Folder && store.Exists(ctx, o.Store, name) {
			files = append(files, jsonFile{name, e.Name})
		}
	}
	return files, nil
}

func splitOf(name string) string {
	name = path.Base(name)
	if name == "_annotations.coco.json" {
		return ""
	}
	return strings.TrimPrefix(strings.TrimSuffix(name, path.Ext(name)), "instances_")
}

// cocoFiles returns the JSON files of a split.
func cocoFiles(ctx context.Context, o Options) ([]jsonFile, error) {
	all, err := jsonFiles(ctx, o)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range all {
		names = append(names, f.split)
	}
	switch {
	case len(all) == 0:
		return nil, wantAnnotations(ctx, o)
	case isJSON(o.Folder) && (o.Split == "" || o.Split == all[0].split):
		return all, nil
	case o.Split == "" && len(all) == 1 && !o.Test:
		return all, nil
	case o.Split == "":
		return usualJSON(o, all, names)
	}
	var files []jsonFile
	for item := range strings.SplitSeq(o.Split, "+") {
		if isJSON(item) {
			if below := path.Join(o.Folder, item); store.Exists(ctx, o.Store, below) {
				item = below
			}
			files = append(files, jsonFile{item, splitOf(item)})
			continue
		}
		at := slices.Index(names, item)
		if at < 0 {
			return nil, fmt.Errorf("split %q: want one of %s in %s", item, humanize.Text(quoted(names)), humanize.Text(o.Folder))
		}
		files = append(files, all[at])
	}
	return files, nil
}

// usualJSON returns the file to train on, or to test on.
func usualJSON(o Options, all []jsonFile, names []string) ([]jsonFile, error) {
	usual := []string{"train"}
	if o.Test {
		usual = []string{"val", "test"}
	}
	for _, u := range usual {
		at := slices.IndexFunc(names, func(n string) bool { return strings.HasPrefix(strings.ToLower(n), u) })
		if at >= 0 {
			return all[at : at+1], nil
		}
	}
	return nil, &NoUsualSplit{fmt.Sprintf("%s: want the name of a split, because none begins with %s; there are: %s",
		humanize.Text(o.Folder), strings.Join(usual, " or "), humanize.Text(quoted(names)))}
}

// cocoFolders are where the images of a JSON file may be.
func cocoFolders(o Options, f jsonFile) []string {
	if o.Images != "" {
		return []string{o.Images}
	}
	folder := o.Folder
	if isJSON(o.Folder) {
		folder = path.Dir(o.Folder)
		if path.Base(folder) == "annotations" {
			folder = path.Dir(folder)
		}
	}
	var all []string
	if f.split != "" {
		all = append(all, path.Join(folder, f.split), path.Join(folder, "images", f.split))
	}
	return append(all, path.Dir(f.path), path.Join(path.Dir(f.path), "images"), path.Join(folder, "images"), folder)
}

// find returns the path of each image, or "" and the reason if it was not found. All images are in
// one of the folders where the first one that exists is.
func (c *coco) find(ctx context.Context, images []cocoImage) (paths []string, missing []error, err error) {
	paths = make([]string, len(images))
	folders := cocoFolders(c.o, c.file)
	var unread error // of the first folder that could not be listed
	for _, folder := range folders {
		lists := map[string]folderList{}
		found := false
		missing = make([]error, len(images))
		for i, m := range images {
			// A damaged file may name any file of the machine.
			if m.File == "" || path.IsAbs(m.File) || strings.HasPrefix(path.Clean(m.File), "..") || !codec.IsImage(m.File) {
				missing[i] = errNotFound
				continue
			}
			name := path.Join(folder, m.File)
			missing[i] = exists(ctx, c.o.Store, lists, name)
			switch {
			case missing[i] == nil:
				paths[i], found = name, true
			case missing[i] != errNotFound && unread == nil:
				unread = missing[i]
			}
		}
		if found || ctx.Err() != nil {
			return paths, missing, nil
		}
	}
	if len(images) == 0 {
		return paths, missing, nil
	}
	err = fmt.Errorf("annotations %s: want its images, such as %s, in one of %s, found none",
		humanize.Text(c.file.path), humanize.Text(images[0].File), humanize.Text(strings.Join(folders, ", ")))
	if unread != nil {
		err = fmt.Errorf("%w; %w", err, unread)
	}
	return nil, nil, err
}

// errNotFound is the reason for an image whose folder was listed.
var errNotFound = errors.New("want a file of that name, found none")

// folderList has the files of a folder, or the error of listing it.
type folderList struct {
	files map[string]bool
	err   error
}

// exists returns nil if a file exists, errNotFound if not, or the error of listing its folder. It
// lists each folder once.
func exists(ctx context.Context, s store.Store, lists map[string]folderList, name string) error {
	folder := path.Dir(name)
	l, known := lists[folder]
	if !known {
		entries, err := list(ctx, s, folder)
		l = folderList{map[string]bool{}, err}
		for _, e := range entries {
			if !e.Folder {
				l.files[e.Name] = true
			}
		}
		lists[folder] = l
	}
	switch {
	case l.err != nil:
		return l.err
	case !l.files[path.Base(name)]:
		return errNotFound
	}
	return nil
}

// list lists a folder. One that does not exist is empty.
func list(ctx context.Context, s store.Store, folder string) ([]store.Entry, error) {
	entries, err := s.List(ctx, folder)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("folder %s: want a folder that can be read, but %w", humanize.Text(folder), store.Cause(err))
	}
	return entries, nil
}
