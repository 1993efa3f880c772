package sets

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"contralens/data"
	"contralens/data/codec"
	"contralens/data/store"
	"contralens/views"
)

// shards is a dataset of tar files in WebDataset's layout: an image key.jpg (or another of
// codec.Extensions) next to its class, key.cls. classes.txt in the same folder names the
// classes. An index gives random access, so that every epoch is a permutation of all images.
type shards struct {
	store   store.Store
	decoder *codec.Decoder
	name    string
	dir     string
	index   *index
	classes []string
}

func (s *shards) Name() string      { return s.name }
func (s *shards) Len() int          { return len(s.index.entries) }
func (s *shards) Label(i int) int   { return int(s.index.entries[i].Label) }
func (s *shards) Classes() []string { return s.classes }

// Path returns the shard and the name of the member in it, which is in the block before
// the image. The name is "?" if it cannot be read within five seconds.
func (s *shards) Path(i int) string {
	e := s.index.entries[i]
	shard, name := s.shard(i), "?"
	ctx, done := context.WithTimeout(context.Background(), 5*time.Second)
	defer done()
	if b, err := s.store.ReadAt(ctx, shard, nil, e.Offset-512, 100); err == nil {
		name, _, _ = strings.Cut(string(b), "\x00")
	}
	return shard + "#" + name
}

// shard returns the path of the tar file that image i is in.
func (s *shards) shard(i int) string {
	return store.Join(s.dir, s.index.Shards[s.index.entries[i].Shard].Name)
}

func (s *shards) File(ctx context.Context, i int, buf []byte) ([]byte, error) {
	e := s.index.entries[i]
	b, err := s.store.ReadAt(ctx, s.shard(i), buf, e.Offset, int64(e.Size))
	if f := store.Failed(err); f != nil {
		return nil, f
	}
	if err != nil {
		return nil, codec.NotAnImage(s.Path(i), err)
	}
	return b, nil
}

func (s *shards) Image(ctx context.Context, i int, dst *views.Image) error {
	b, err := s.File(ctx, i, nil)
	if err != nil {
		return err
	}
	return s.decoder.Decode(b, dst, func() string { return s.Path(i) })
}

// Shard returns the number of the shard that image i is in.
func (s *shards) Shard(i int) int { return int(s.index.entries[i].Shard) }

// Fetch brings the shard of image i to the disk, if the store does that.
func (s *shards) Fetch(i int) {
	if f, ok := s.store.(interface{ Fetch(name string) }); ok {
		f.Fetch(s.shard(i))
	}
}

// Decoder returns how the images are decoded.
func (s *shards) Decoder() *codec.Decoder { return s.decoder }

// hasShards reports whether the options' folder, or the training split in it, has tar
// files and neither images nor class folders. Tar files beside those are not part of the
// dataset.
func hasShards(ctx context.Context, o Options) bool {
	return onlyShards(ctx, o, o.Folder) || shardFolder(ctx, o, trainSplit) != ""
}

// shardFolder returns the preferred folder of a kind of split that has shards, or "".
func shardFolder(ctx context.Context, o Options, kind split) string {
	l, err := listLayout(ctx, o, o.Folder)
	if err != nil {
		return ""
	}
	names := l.train
	if kind == testSplit {
		names = l.tests
	}
	for _, name := range names {
		if dir := store.Join(o.Folder, name); onlyShards(ctx, o, dir) {
			return dir
		}
	}
	return ""
}

// unlabeledFolders are the names of the folder with the unlabeled split. The second one
// is for older datasets.
var unlabeledFolders = []string{"unlabeled", "unlabelled"}

func onlyShards(ctx context.Context, o Options, dir string) bool {
	entries, _ := o.Store.List(ctx, dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name, ".") {
			continue
		}
		is, _ := splitOf(e.Name)
		if codec.IsImage(e.Name) || (e.Folder && is != testSplit && !slices.Contains(unlabeledFolders, e.Name)) {
			return false
		}
	}
	return len(shardNames(ctx, o, dir)) > 0
}

// shardNames lists the tar files of a folder, sorted.
func shardNames(ctx context.Context, o Options, dir string) []string {
	entries, _ := o.Store.List(ctx, dir)
	var names []string
	for _, e := range entries {
		if !e.Folder && strings.HasSuffix(e.Name, ".tar") && !strings.HasPrefix(e.Name, ".") {
			names = append(names, e.Name)
		}
	}
	return names
}

// openShards reads shards in a folder for each split, and unlabeled/ for pre-training, or
// all in one folder. There, the names of shards may say which are for tests.
func openShards(ctx context.Context, o Options) (p data.Splits, err error) {
	dir := o.Folder
	if !onlyShards(ctx, o, dir) {
		dir = shardFolder(ctx, o, trainSplit)
	}
	all, err := readShards(ctx, o, dir)
	if err != nil {
		return p, err
	}
	train, tests := all.byName(o)
	if train.Len() == 0 {
		return p, wrongOption(Folder, o.Folder, "want tar files with images (key%s) in WebDataset's layout, found none in %s",
			strings.Join(codec.Extensions, ", key"), dir)
	}
	p.Train = train
	p.Test, err = o.testSplit(ctx, func() (data.Dataset, error) {
		if folder := shardFolder(ctx, o, testSplit); folder != "" {
			if tests, err = readShards(ctx, o, folder); err != nil {
				return nil, err
			}
		}
		if tests == nil {
			return nil, nil
		}
		return tests, tests.sameClasses(train)
	})
	if err != nil {
		return p, err
	}
	for _, name := range unlabeledFolders {
		sub := store.Join(o.Folder, name)
		if p.Unlabeled != nil || len(shardNames(ctx, o, sub)) == 0 {
			continue
		}
		if p.Unlabeled, err = readShards(ctx, o, sub); err != nil {
			return p, err
		}
	}
	return p, nil
}

// byName divides shards of one folder into those for training and those for tests, such
// as set-train-0000.tar and set-val-0000.tar. tests is nil if the names say nothing.
func (s *shards) byName(o Options) (train, tests *shards) {
	best := len(splitWords)
	ranks := make([]int, len(s.index.Shards))
	for i, shard := range s.index.Shards {
		ranks[i] = len(splitWords)
		for _, word := range strings.FieldsFunc(shard.Name, func(r rune) bool { return !unicode.IsLetter(r) }) {
			if is, rank := splitOf(word); is == testSplit {
				ranks[i] = rank
			}
		}
		best = min(best, ranks[i])
	}
	none := func(rank int) bool { return rank == len(splitWords) }
	if none(best) || !slices.ContainsFunc(ranks, none) {
		return s, nil
	}
	train = s.only(func(shard int32) bool { return none(ranks[shard]) })
	tests = s.only(func(shard int32) bool { return ranks[shard] == best })
	o.note("shards in %s: by their names, %d images are for training and %d for tests", s.dir, train.Len(), tests.Len())
	return train, tests
}

// only keeps the images of some shards.
func (s *shards) only(keep func(shard int32) bool) *shards {
	some, x := *s, *s.index
	x.entries = slices.DeleteFunc(slices.Clone(x.entries), func(e entry) bool { return !keep(e.Shard) })
	some.index = &x
	return &some
}

// sameClasses changes the labels to the class numbers of the training images.
func (s *shards) sameClasses(train *shards) error {
	if slices.Equal(s.classes, train.classes) {
		return nil
	}
	number := make([]int32, len(s.classes))
	for i, c := range s.classes {
		number[i] = int32(slices.Index(train.classes, c))
	}
	for i, e := range s.index.entries {
		if e.Label < 0 {
			continue
		}
		if number[e.Label] < 0 {
			return fmt.Errorf("%s: want the classes of %s, but there is no training image of class %q; "+
				"the training images have %s", s.dir, train.dir, s.classes[e.Label], quoted(train.classes))
		}
		s.index.entries[i].Label = number[e.Label]
	}
	s.classes = train.classes
	return nil
}

func readShards(ctx context.Context, o Options, dir string) (*shards, error) {
	x, err := openIndex(ctx, o, dir)
	if err != nil {
		return nil, err
	}
	s := &shards{store: o.Store, decoder: o.decoder, name: o.Name, dir: dir, index: x, classes: x.Classes}
	file := store.Join(dir, "classes.txt")
	b, err := store.ReadFile(ctx, o.Store, file)
	if err == nil {
		return s, s.nameClasses(file, strings.Split(strings.TrimRight(string(b), "\r\n"), "\n"))
	}
	most := -1
	for _, e := range x.entries {
		most = max(most, int(e.Label))
	}
	if s.classes == nil && most >= 0 {
		s.classes = numbers(most + 1)
	}
	return s, nil
}

// nameClasses takes the names of the classes, and with them their order, from a file.
func (s *shards) nameClasses(file string, names []string) error {
	for i := range names {
		names[i] = strings.TrimRight(names[i], "\r")
	}
	for i := range s.index.entries {
		e := &s.index.entries[i]
		switch {
		case e.Label < 0:
		case s.classes == nil && int(e.Label) >= len(names):
			most := 0
			for _, e := range s.index.entries {
				most = max(most, int(e.Label))
			}
			return fmt.Errorf("%s: want a name for each class, but there are %d names, and an image of class %d",
				file, len(names), most)
		case s.classes != nil:
			at := slices.Index(names, s.classes[e.Label])
			if at < 0 {
				return fmt.Errorf("%s: want the name of each class, but %q of %s is missing", file, s.classes[e.Label], s.Path(i))
			}
			e.Label = int32(at)
		}
	}
	s.classes = names
	return nil
}
