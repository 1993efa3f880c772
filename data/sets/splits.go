package sets

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"

	"contralens/data"
	"contralens/data/codec"
	"contralens/data/store"
)

// split is what the name of a folder, a list or a shard says about its images.
type split int

const (
	noSplit split = iota
	trainSplit
	testSplit
)

// splitWords are the names of splits, the preferred ones for tests first.
var splitWords = []struct {
	word string
	is   split
}{
	{"train", trainSplit}, {"training", trainSplit}, {"trainset", trainSplit},
	{"val", testSplit}, {"valid", testSplit}, {"validation", testSplit}, {"valset", testSplit},
	{"dev", testSplit}, {"devset", testSplit}, {"eval", testSplit}, {"evaluation", testSplit},
	{"test", testSplit}, {"testing", testSplit}, {"testset", testSplit},
}

// besideSplit are words that may stand beside the name of a split, as in training_set.
var besideSplit = []string{"set", "images", "image", "imgs", "img", "data", "dataset", "seg", "split", "list"}

// splitOf recognizes the names of splits, in any case: train, Training, valid, test_set,
// seg_test, val2017. rank is smaller for preferred names. Other words make a name that of
// a class, such as bullet_train.
func splitOf(name string) (is split, rank int) {
	rank = len(splitWords)
	for _, word := range strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) }) {
		at := slices.IndexFunc(splitWords, func(w struct {
			word string
			is   split
		}) bool {
			return w.word == word
		})
		switch {
		case at >= 0 && is == noSplit:
			is, rank = splitWords[at].is, at
		case at >= 0 || !slices.Contains(besideSplit, word):
			return noSplit, len(splitWords)
		}
	}
	return is, rank
}

// layout has the folders of a dataset by what their names say.
type layout struct {
	root    string
	train   []string
	tests   []string // the preferred one first
	classes []string // the other folders
	images  bool     // images lie directly in root
}

// readLayout sorts the folders below root. A single folder that has a training split is
// taken for root, as in an archive that was unpacked into a folder.
func readLayout(ctx context.Context, o Options, root string) (*layout, error) {
	l, err := listLayout(ctx, o, root)
	if err != nil {
		return nil, err
	}
	if len(l.train) == 0 && len(l.tests) == 0 && len(l.classes) == 1 && !l.images {
		inner, err := listLayout(ctx, o, store.Join(root, l.classes[0]))
		if err == nil && len(inner.train) > 0 {
			o.note("%s has one folder only, %s, and the splits are in it", root, l.classes[0])
			return inner, nil
		}
	}
	return l, nil
}

func listLayout(ctx context.Context, o Options, root string) (*layout, error) {
	entries, err := o.Store.List(ctx, root)
	if err != nil {
		return nil, unreadableFolder(root, err)
	}
	l := &layout{root: root}
	for _, e := range entries {
		switch is, _ := splitOf(e.Name); {
		case strings.HasPrefix(e.Name, "."):
		case !e.Folder:
			l.images = l.images || codec.IsImage(e.Name)
		case is == trainSplit:
			l.train = append(l.train, e.Name)
		case is == testSplit:
			l.tests = append(l.tests, e.Name)
		default:
			l.classes = append(l.classes, e.Name)
		}
	}
	sortTests(l.tests)
	return l, nil
}

// sortTests puts the preferred names of test splits first.
func sortTests(names []string) {
	slices.SortStableFunc(names, func(a, b string) int {
		_, x := splitOf(a)
		_, y := splitOf(b)
		return x - y
	})
}

// check asks about folders that may be splits or classes.
func (l *layout) check(ctx context.Context, o Options) error {
	switch {
	case len(l.train) > 1:
		return fmt.Errorf("%s: want one folder with the training images, got %s; rename or move the others",
			l.root, quoted(l.train))
	case len(l.train) == 1:
		return l.checkTrain(ctx, o)
	case len(l.tests) == 0 || o.Name != "folder":
		return nil
	case len(l.classes) == 0 && !l.images:
		return fmt.Errorf("%s: want the training images in a folder train beside %s, but there is none; "+
			"to train on test images, name their folder itself", l.root, quoted(l.tests))
	}
	return fmt.Errorf("%s: want class folders, or the folders train and val, but got %s, which may be a split or a "+
		"class; move the training images to train/, or rename or move %s", l.root, quoted(l.tests), quoted(l.tests))
}

// checkTrain asks whether train is a class, if it has no class folders and lies beside
// class folders, and notes what else lies there.
func (l *layout) checkTrain(ctx context.Context, o Options) error {
	var beside []string
	for _, name := range l.classes {
		if hasImages(ctx, o.Store, store.Join(l.root, name), 2) {
			beside = append(beside, name)
		}
	}
	if len(beside) == 0 {
		return nil
	}
	train, err := listLayout(ctx, o, store.Join(l.root, l.train[0]))
	if err != nil {
		return err
	}
	if flat := train.images && len(train.classes)+len(train.train) == 0; flat && len(l.tests) == 0 && len(beside) > 1 {
		return fmt.Errorf("%s: want splits or classes, but %s may be the training split or a class beside %s; "+
			"rename it, or move the training images to train/<class>/", l.root, quoted(l.train), quoted(beside))
	}
	o.note("%s: only the splits are read; other folders with images are left out: %s", l.root, quoted(beside))
	return nil
}

// quoted lists names, up to eight of them.
func quoted(names []string) string {
	var list []string
	for i, n := range names {
		if i == 8 {
			return strings.Join(list, ", ") + fmt.Sprintf(" and %d more", len(names)-i)
		}
		list = append(list, fmt.Sprintf("%q", n))
	}
	return strings.Join(list, ", ")
}

// hasImages reports whether a folder has images, down to the given depth.
func hasImages(ctx context.Context, s store.Store, dir string, depth int) bool {
	entries, _ := s.List(ctx, dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name, ".") {
			continue
		}
		switch {
		case !e.Folder:
			if codec.IsImage(e.Name) {
				return true
			}
		case depth > 1 && hasImages(ctx, s, store.Join(dir, e.Name), depth-1):
			return true
		}
	}
	return false
}

// unnest returns the folder with the images of a split: while a split has nothing but a
// folder with the name of that split, such as test/test, it is that one.
func unnest(ctx context.Context, o Options, dir string) string {
	want, _ := splitOf(path.Base(dir))
	for range 4 {
		l, err := listLayout(ctx, o, dir)
		if err != nil || l.images || len(l.classes) > 0 || len(l.train)+len(l.tests) != 1 {
			break
		}
		name := slices.Concat(l.train, l.tests)[0]
		if is, _ := splitOf(name); is != want {
			break
		}
		dir = store.Join(dir, name)
	}
	return dir
}

// TestSplit says what a test split is opened for.
type TestSplit int

const (
	// TestWanted makes a test split that does not fit the training split an error.
	TestWanted TestSplit = iota
	// TestIfSound leaves such a test split out, with a note.
	TestIfSound
	// TestUnread does not look at test splits.
	TestUnread
)

// testSplit reads the test split as the options say.
func (o Options) testSplit(ctx context.Context, read func() (data.Dataset, error)) (data.Dataset, error) {
	if o.Test == TestUnread {
		return nil, nil
	}
	d, err := read()
	if err != nil && o.Test == TestIfSound && ctx.Err() == nil {
		o.note("the test images are left out: %v", err)
		return nil, nil
	}
	return d, err
}
