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

// openFolder reads shards, a training and a test split, class folders at the top, or a
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
	l, err := readLayout(ctx, o, o.Folder)
	if err != nil {
		return p, err
	}
	if err := l.check(ctx, o); err != nil {
		return p, err
	}
	root := l.root
	if len(l.train) == 1 {
		root = unnest(ctx, o, store.Join(root, l.train[0]))
	} else if o.Name != "folder" {
		train := store.Join(o.Folder, "train")
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
	if len(l.train) == 1 {
		p.Test, err = o.testSplit(ctx, func() (data.Dataset, error) { return openTests(ctx, o, l, a, root, keep) })
	}
	return p, err
}

// openTests reads the first test split that has images and classes.
func openTests(
	ctx context.Context, o Options, l *layout, train *files, trainDir string, keep []string,
) (data.Dataset, error) {
	for _, name := range l.tests {
		dir := unnest(ctx, o, store.Join(l.root, name))
		b, err := readAnnotated(ctx, o, dir)
		if b == nil && err == nil {
			b, err = readFolder(ctx, o, dir, keep)
		}
		if err != nil {
			return nil, err
		}
		if b.Len() == 0 {
			o.note("%s has no images: left out", dir)
			continue
		}
		if d, err := sameClasses(o, train, b, trainDir, dir); d != nil || err != nil {
			return d, err
		}
	}
	return nil, nil
}

// readAnnotated reads the test images of Tiny ImageNet as it is distributed: images/ and
// val_annotations.txt, whose lines begin with the name of an image, a tab and a class. It
// returns nil if there is no such file.
func readAnnotated(ctx context.Context, o Options, dir string) (*files, error) {
	name := store.Join(dir, path.Base(dir)+"_annotations.txt")
	if !store.Exists(ctx, o.Store, name) {
		return nil, nil
	}
	b, err := store.ReadFile(ctx, o.Store, name)
	if err != nil {
		return nil, fmt.Errorf("%s: want lines of image<tab>class, but %w", name, err)
	}
	class := map[string]string{}
	var classes []string
	for n, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		fields := strings.Split(strings.TrimRight(line, "\r"), "\t")
		if len(fields) < 2 || fields[0] == "" || fields[1] == "" {
			return nil, fmt.Errorf("%s: line %d: want image<tab>class, got %q", name, n+1, line)
		}
		class[fields[0]] = fields[1]
		classes = append(classes, fields[1])
	}
	images := store.Join(dir, "images")
	if !store.IsFolder(ctx, o.Store, images) {
		images = dir
	}
	entries, err := o.Store.List(ctx, images)
	if err != nil {
		return nil, unreadableFolder(images, err)
	}
	f := &files{store: o.Store, decoder: o.decoder, name: o.Name, classes: sortedClasses(classes)}
	without := 0
	for _, e := range entries {
		if e.Folder || !codec.IsImage(e.Name) {
			continue
		}
		c, ok := class[e.Name]
		if !ok {
			without++
			continue
		}
		label, _ := slices.BinarySearchFunc(f.classes, c, compareClasses)
		f.add(store.Join(images, e.Name), label)
	}
	if missing := len(class) - f.Len(); missing > 0 || without > 0 {
		o.note("%s: %d images have no line in %s, and %d lines have no image: left out", images, without, name, missing)
	}
	return f, nil
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
			return nil, fmt.Errorf("%s: want the classes of %s, but there is no training image of class %q; "+
				"the training images have %s", testDir, trainDir, c, quoted(train.classes))
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
		dir := store.Join(root, e.Name)
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
			f.add(store.Join(root, e.Name), -1)
		}
	}
	f.noteOthers(o, root)
	if loose > 0 && len(f.classes) > 0 {
		o.note("%d images beside the class folders of %s are left out", loose, root)
	}
}

// noteOthers says how many files are not images.
func (f *files) noteOthers(o Options, root string) {
	what := "files are left out, because they are not"
	switch f.others.count {
	case 0:
		return
	case 1:
		what = "file is left out, because it is not"
	}
	o.note("%s: %d %s %s: %s", root, f.others.count, what, strings.Join(codec.Extensions, ", "), f.others.kinds())
}

// wantClasses returns an error that says which of the wanted class folders are missing.
func wantClasses(ctx context.Context, o Options, name, root string, keep []string) error {
	var missing []string
	for _, w := range slices.Sorted(slices.Values(keep)) {
		if !store.IsFolder(ctx, o.Store, store.Join(root, w)) {
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
		name := store.Join(dir, e.Name)
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
