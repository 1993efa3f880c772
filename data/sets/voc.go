package sets

import (
	"context"
	"fmt"
	"path"
	"strings"

	"contralens/data"
	"contralens/data/codec"
	"contralens/data/store"
)

// Folders and lists of PASCAL VOC's layout.
const (
	vocImages = "JPEGImages"
	vocLists  = "ImageSets/Main"
)

// vocTraining are the lists of training images; the first one that is there is read.
var vocTraining = []string{"trainval.txt", "train.txt"}

// openVOC reads the photos of a folder in PASCAL VOC's layout (JPEGImages and ImageSets/Main,
// at the top, below VOCdevkit or below folders such as VOC2007, whose lists are joined), for
// pre-training: those that ImageSets/Main/trainval.txt names, or else train.txt. Photos that a
// detector is tested on are not among them. There are no classes; annotations are not read.
func openVOC(ctx context.Context, o Options) (p data.Splits, err error) {
	if err := wantFolder(ctx, o); err != nil {
		return p, err
	}
	f := &files{store: o.Store, decoder: o.decoder, name: "voc"}
	for _, list := range vocTrainingLists(ctx, o) {
		if err := f.addVOC(ctx, o.Store, list); err != nil {
			return p, err
		}
	}
	if f.Len() == 0 {
		return p, wrongOption(Folder, o.Folder, "want PASCAL VOC's layout, with %s and a list %s/%s that names images, "+
			"found none", vocImages, vocLists, strings.Join(vocTraining, " or "))
	}
	p.Train = f
	return p, nil
}

// vocTrainingLists returns the paths of the lists of training images: that of the folder itself, or
// else those of the folders below it.
func vocTrainingLists(ctx context.Context, o Options) (lists []string) {
	add := func(root string) {
		for _, name := range vocTraining {
			if list := path.Join(root, vocLists, name); store.Exists(ctx, o.Store, list) {
				lists = append(lists, list)
				return
			}
		}
	}
	add(o.Folder)
	for _, below := range []string{"", "VOCdevkit"} {
		if len(lists) > 0 {
			break
		}
		folder := path.Join(o.Folder, below)
		entries, _ := o.Store.List(ctx, folder) // one that is not there has none
		for _, e := range entries {
			if e.Folder {
				add(path.Join(folder, e.Name))
			}
		}
	}
	return lists
}

// addVOC adds the images of a list, which names them without extensions.
func (f *files) addVOC(ctx context.Context, s store.Store, list string) error {
	folder := path.Join(path.Dir(list), "..", "..", vocImages)
	entries, err := s.List(ctx, folder)
	if err != nil {
		return unreadableFolder(folder, err)
	}
	images := map[string]string{}
	for _, e := range entries {
		id := strings.TrimSuffix(e.Name, path.Ext(e.Name))
		if !e.Folder && codec.IsImage(e.Name) && images[id] == "" {
			images[id] = path.Join(folder, e.Name)
		}
	}
	b, err := store.ReadFile(ctx, s, list)
	if err != nil {
		return fmt.Errorf("%s: want a list of images, but %w", list, err)
	}
	for line := range strings.Lines(string(b)) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		image := images[fields[0]]
		if image == "" { // a name of its own, so that it counts as unreadable
			image = path.Join(folder, fields[0]+".jpg")
		}
		f.add(image, -1)
	}
	return nil
}
