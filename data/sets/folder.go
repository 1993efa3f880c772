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
	"contralens/data/codec"
	"contralens/data/store"
)

// openFolder reads shards, train/ and val/ or test/, class folders at the top, or a
// flat folder of images without classes.
func openFolder(ctx context.Context, o Options) (data.Splits, error) {
	if hasShards(ctx, o) {
		return openShards(ctx, o)
	}
	return openClassFolders(ctx, o, nil)
}

// openClassFolders reads folders of image files. keep, if not nil, selects the classes.
func openClassFolders(ctx context.Context, o Options, keep []string) (p data.Splits, err error) {
	if err := wantFolder(ctx, o); err != nil {
		return p, err
	}
	root := o.Folder
	split := store.IsFolder(ctx, o.Store, path.Join(root, "train"))
	if split {
		root = path.Join(root, "train")
	} else if o.Name != "folder" {
		train := path.Join(o.Folder, "train")
		return p, wrongOption(Name, o.Name, "want %s with one folder per class, but there is none", train)
	}
	a, err := readFolder(ctx, o, root, keep)
	if err != nil {
		return p, err
	}
	if a.Len() == 0 {
		return p, wrongOption(Folder, root, "want images (%s) in it or in class folders, but found none",
			strings.Join(codec.Extensions, ", "))
	}
	p.Train = a
	for _, sub := range []string{"val", "test"} {
		dir := path.Join(o.Folder, sub)
		if !split || !store.IsFolder(ctx, o.Store, dir) {
			continue
		}
		b, err := readFolder(ctx, o, dir, keep)
		if err != nil {
			return p, err
		}
		if b.Len() == 0 {
			o.note("%s has no images: left out", dir)
			continue
		}
		p.Test, err = sameClasses(o, a, b, root, dir)
		return p, err
	}
	return p, nil
}

// sameClasses changes the labels of the test images to the class numbers of the
// training images. Classes without test images are allowed.
func sameClasses(o Options, train, test *files, trainDir, testDir string) (data.Dataset, error) {
	if len(train.classes) == 0 || len(test.classes) == 0 {
		o.note("%s is left out: evaluation needs classes both there and in %s", testDir, trainDir)
		return nil, nil
	}
	number := make([]int, len(test.classes))
	for i, c := range test.classes {
		if number[i] = slices.Index(train.classes, c); number[i] < 0 {
			return nil, fmt.Errorf("%s: want the classes of %s, but there is no training image of class %q",
				testDir, trainDir, c)
		}
	}
	for i, l := range test.labels {
		if l >= 0 {
			test.labels[i] = number[l]
		}
	}
	test.classes = train.classes
	return test, nil
}

// wantFolder returns an error if the options' folder is not a folder.
func wantFolder(ctx context.Context, o Options) error {
	info, err := o.Store.Stat(ctx, o.Folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = errors.New("there is no such folder")
	case err == nil && !info.Folder:
		err = errors.New("it is a file")
	}
	if err != nil {
		return wrongOption(Folder, o.Folder, "want a folder with images, but %w", err)
	}
	return nil
}

// readFolder lists the images below root: one folder per class, sorted by name, or
// images without classes. keep, if not nil, selects the classes.
func readFolder(ctx context.Context, o Options, root string, keep []string) (*files, error) {
	entries, err := o.Store.List(ctx, root)
	if err != nil {
		return nil, unreadableFolder(root, err)
	}
	f := &files{store: o.Store, decoder: o.decoder, name: o.Name}
	if err := wantClasses(ctx, o, o.Name, root, keep); err != nil {
		return nil, err
	}
	info, err := o.Store.Stat(ctx, root)
	if err != nil {
		return nil, unreadableFolder(root, err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name, ".") || !e.Folder || (keep != nil && !slices.Contains(keep, e.Name)) {
			continue
		}
		before := len(f.paths)
		dir := path.Join(root, e.Name)
		if err := f.walk(ctx, o, dir, len(f.classes), []string{info.ID}); err != nil {
			return nil, err
		}
		if len(f.paths) == before {
			o.note("class folder %s has no images: left out", dir)
			continue
		}
		f.classes = append(f.classes, e.Name)
	}
	f.addLoose(o, root, entries)
	return f, nil
}

// addLoose adds the images directly in root if class folders have none.
func (f *files) addLoose(o Options, root string, entries []store.Entry) {
	loose := 0
	for _, e := range entries {
		if e.Folder || strings.HasPrefix(e.Name, ".") {
			continue
		}
		if !codec.IsImage(e.Name) {
			f.others.add(e.Name)
			continue
		}
		if loose++; len(f.classes) == 0 {
			f.add(path.Join(root, e.Name), -1)
		}
	}
	if f.others.count > 0 {
		o.note("%s: %d files are left out, because they are not %s: %s",
			root, f.others.count, strings.Join(codec.Extensions, ", "), f.others.kinds())
	}
	if loose > 0 && len(f.classes) > 0 {
		o.note("%d images beside the class folders of %s are left out", loose, root)
	}
}

// wantClasses returns an error that says which of the wanted class folders are missing.
func wantClasses(ctx context.Context, o Options, name, root string, keep []string) error {
	var missing []string
	for _, w := range slices.Sorted(slices.Values(keep)) {
		if !store.IsFolder(ctx, o.Store, path.Join(root, w)) {
			missing = append(missing, w)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s: want the %d classes of %s, but %d are missing, the first is %s",
			root, len(keep), name, len(missing), missing[0])
	}
	return nil
}

// walk adds all images below dir, sorted by path. It follows links to folders, but not
// back to one of the parents, whose IDs are given.
func (f *files) walk(ctx context.Context, o Options, dir string, label int, parents []string) error {
	info, err := o.Store.Stat(ctx, dir)
	if err != nil {
		return unreadableFolder(dir, err)
	}
	if info.ID != "" && slices.Contains(parents, info.ID) {
		o.note("%s links back to a folder above it: left out", dir)
		return nil
	}
	entries, err := o.Store.List(ctx, dir)
	if err != nil {
		return unreadableFolder(dir, err)
	}
	parents = append(slices.Clip(parents), info.ID)
	for _, e := range entries {
		name := path.Join(dir, e.Name)
		switch {
		case strings.HasPrefix(e.Name, "."):
		case e.Folder:
			if err := f.walk(ctx, o, name, label, parents); err != nil {
				return err
			}
		case codec.IsImage(e.Name):
			f.add(name, label)
		default:
			f.others.add(e.Name)
		}
	}
	return nil
}

func unreadableFolder(name string, err error) error {
	return fmt.Errorf("%s: want a folder that can be read, but %w", name, err)
}
