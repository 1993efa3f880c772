package sets

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"contralens/data/codec"
	"contralens/data/store"
	"contralens/internal/humanize"
)

// jsonFile is a JSON file of annotations and the split that it is for.
type jsonFile struct{ path, split string }

// jsonFiles lists the annotations in a folder of COCO: annotations/instances_SPLIT.json, or
// other JSON files there, or SPLIT/_annotations.coco.json.
func jsonFiles(ctx context.Context, o Options) (files []jsonFile) {
	if isJSON(o.Folder) {
		return []jsonFile{{o.Folder, splitOf(o.Folder)}}
	}
	folder := path.Join(o.Folder, "annotations")
	entries, _ := o.Store.List(ctx, folder)
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
		return files
	}
	entries, _ = o.Store.List(ctx, o.Folder)
	for _, e := range entries {
		if name := path.Join(o.Folder, e.Name, "_annotations.coco.json"); e.Folder && store.Exists(ctx, o.Store, name) {
			files = append(files, jsonFile{name, e.Name})
		}
	}
	return files
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
	all := jsonFiles(ctx, o)
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

// find returns the path of each image, or "" if there is no such file. All images are in one of
// the folders where the first one that exists is.
func (c *coco) find(ctx context.Context, images []cocoImage) ([]string, error) {
	paths := make([]string, len(images))
	folders := cocoFolders(c.o, c.file)
	for _, folder := range folders {
		lists := map[string]map[string]bool{}
		found := false
		for i, m := range images {
			// A damaged file may name any file of the machine.
			if m.File == "" || path.IsAbs(m.File) || strings.HasPrefix(path.Clean(m.File), "..") || !codec.IsImage(m.File) {
				continue
			}
			name := path.Join(folder, m.File)
			if exists(ctx, c.o.Store, lists, name) {
				paths[i], found = name, true
			}
		}
		if found || ctx.Err() != nil {
			return paths, nil
		}
	}
	if len(images) == 0 {
		return paths, nil
	}
	return nil, fmt.Errorf("annotations %s: want its images, such as %s, in one of %s, found none",
		humanize.Text(c.file.path), humanize.Text(images[0].File), humanize.Text(strings.Join(folders, ", ")))
}

// exists reports whether a file exists. It lists each folder once.
func exists(ctx context.Context, s store.Store, lists map[string]map[string]bool, name string) bool {
	folder := path.Dir(name)
	list, known := lists[folder]
	if !known {
		list = map[string]bool{}
		entries, _ := s.List(ctx, folder)
		for _, e := range entries {
			if !e.Folder {
				list[e.Name] = true
			}
		}
		lists[folder] = list
	}
	return list[path.Base(name)]
}
