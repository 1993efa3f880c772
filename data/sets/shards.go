package sets

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"contralens/data"
	"contralens/data/codec"
	"contralens/data/store"
	"contralens/views"
)

// shards is a dataset of tar files in WebDataset's layout: an image key.jpg (or .jpeg,
// .png, .bmp, .webp) next to the number of its class, key.cls. classes.txt in the same
// folder names the classes. An index gives random access, so that every epoch is a
// permutation of all images.
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
	return path.Join(s.dir, s.index.Shards[s.index.entries[i].Shard].Name)
}

func (s *shards) File(ctx context.Context, i int, buf []byte) ([]byte, error) {
	e := s.index.entries[i]
	b, err := s.store.ReadAt(ctx, s.shard(i), buf, e.Offset, int64(e.Size))
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

// Decoder returns how the images are decoded.
func (s *shards) Decoder() *codec.Decoder { return s.decoder }

// hasShards reports whether the options' folder, or train/ in it, has tar files and
// neither images nor class folders. Tar files beside those are not part of the dataset.
func hasShards(ctx context.Context, o Options) bool {
	return onlyShards(ctx, o, o.Folder) || onlyShards(ctx, o, path.Join(o.Folder, "train"))
}

// unlabeledFolders are the names of the folder with the unlabeled split. The second one
// is for older datasets.
var unlabeledFolders = []string{"unlabeled", "unlabelled"}

func onlyShards(ctx context.Context, o Options, dir string) bool {
	entries, _ := o.Store.List(ctx, dir)
	splits := append([]string{"val", "test"}, unlabeledFolders...)
	for _, e := range entries {
		if strings.HasPrefix(e.Name, ".") {
			continue
		}
		if codec.IsImage(e.Name) || (e.Folder && !slices.Contains(splits, e.Name)) {
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

// openShards reads shards in train/ and val/ or test/, and unlabeled/ for pre-training,
// or all in one folder.
func openShards(ctx context.Context, o Options) (p data.Splits, err error) {
	dir := o.Folder
	if !onlyShards(ctx, o, dir) {
		dir = path.Join(dir, "train")
	}
	train, err := readShards(ctx, o, dir)
	if err != nil {
		return p, err
	}
	if train.Len() == 0 {
		return p, wrongOption(Folder, o.Folder, "want tar files with images (key%s) in WebDataset's layout, found none in %s",
			strings.Join(codec.Extensions, ", key"), dir)
	}
	p.Train = train
	p.Test, err = o.testSplit(ctx, func() (data.Dataset, error) { return openTestShards(ctx, o, train) })
	if err != nil {
		return p, err
	}
	for _, name := range unlabeledFolders {
		sub := path.Join(o.Folder, name)
		if p.Unlabeled != nil || len(shardNames(ctx, o, sub)) == 0 {
			continue
		}
		if p.Unlabeled, err = readShards(ctx, o, sub); err != nil {
			return p, err
		}
	}
	return p, nil
}

// openTestShards reads the shards in val/ or test/, whose classes must be those of
// train. It returns nil if there are none.
func openTestShards(ctx context.Context, o Options, train *shards) (data.Dataset, error) {
	for _, name := range []string{"val", "test"} {
		dir := path.Join(o.Folder, name)
		if len(shardNames(ctx, o, dir)) == 0 {
			continue
		}
		test, err := readShards(ctx, o, dir)
		if err != nil {
			return nil, err
		}
		has, want := len(test.classes), len(train.classes)
		if has > want || (has == want && !slices.Equal(test.classes, train.classes)) {
			return nil, fmt.Errorf("%s: want the %d classes of %s, got %d different ones", dir, want, train.dir, has)
		}
		test.classes = train.classes
		return test, nil
	}
	return nil, nil
}

func readShards(ctx context.Context, o Options, dir string) (*shards, error) {
	x, err := openIndex(ctx, o, dir)
	if err != nil {
		return nil, err
	}
	s := &shards{store: o.Store, decoder: o.decoder, name: o.Name, dir: dir, index: x}
	most := -1
	for _, e := range x.entries {
		most = max(most, int(e.Label))
	}
	file := path.Join(dir, "classes.txt")
	if b, err := store.ReadFile(ctx, o.Store, file); err == nil {
		s.classes = strings.Split(strings.TrimRight(string(b), "\n"), "\n")
		if n := len(s.classes); most >= n {
			return nil, fmt.Errorf("%s: want a name for each class, but there are %d names, and an image of class %d",
				file, n, most)
		}
	} else if most >= 0 {
		s.classes = numbers(most + 1)
	}
	return s, nil
}
