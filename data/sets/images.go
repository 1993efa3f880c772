package sets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"contralens/data"
	"contralens/data/codec"
	"contralens/data/store"
	"contralens/views"
)

// Images lists all images below a folder, sorted by path and without classes, whatever
// its subfolders mean. decoder, which may be nil, decodes them, and its Note also receives
// what is left out.
func Images(ctx context.Context, s store.Store, root string, decoder *codec.Decoder) (data.Dataset, error) {
	o := Options{Store: s, Folder: root}
	if decoder != nil {
		o.Note = decoder.Note
	}
	if err := wantFolder(ctx, o); err != nil {
		var folder *OptionError
		if errors.As(err, &folder) {
			err = errors.New(root + ": " + folder.Err.Error())
		}
		return nil, err
	}
	f := &files{store: s, decoder: decoder, name: "folder"}
	if err := f.walk(ctx, o, root, -1, nil); err != nil {
		return nil, err
	}
	f.noteOthers(o, root)
	if len(f.paths) == 0 {
		return nil, fmt.Errorf("%s: want a folder with images in it or below it, found none", root)
	}
	return f, nil
}

// Paths makes a dataset without classes from image files and folders. A folder stands
// for all images below it, sorted by path. decoder, which may be nil, decodes them.
func Paths(ctx context.Context, s store.Store, names []string, decoder *codec.Decoder) (data.Dataset, error) {
	f := &files{store: s, decoder: decoder, name: "files"}
	for _, name := range names {
		info, err := s.Stat(ctx, name)
		if errors.Is(err, fs.ErrNotExist) {
			err = errors.New("there is no such file")
		}
		if err != nil {
			return nil, fmt.Errorf("image %s: want an image or a folder of images, but %w", name, err)
		}
		if !info.Folder {
			f.add(name, -1)
			continue
		}
		before := f.Len()
		if err := f.walk(ctx, Options{Store: s}, name, -1, nil); err != nil {
			return nil, err
		}
		if f.Len() == before {
			return nil, fmt.Errorf("folder %s: want images in it, found none", name)
		}
	}
	return f, nil
}

// ReadImage reads and decodes an image file. decoder may be nil.
func ReadImage(ctx context.Context, s store.Store, name string, decoder *codec.Decoder) (*views.Image, error) {
	b, err := store.ReadFile(ctx, s, name)
	if err != nil {
		return nil, codec.NotAnImage(name, err)
	}
	img := &views.Image{}
	return img, decoder.Decode(b, img, func() string { return name })
}
