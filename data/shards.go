package data

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"contralens/views"
)

// shards is a dataset in tar files in WebDataset's layout: an image key.jpg (or
// .jpeg, .png, .bmp, .webp) and its class's number key.cls, one after the other.
// classes.txt beside them names the classes. An index gives random access, so
// that an epoch is a true permutation.
type shards struct {
	source  Source
	name    string
	dir     string
	index   *index
	classes []string
}

func (s *shards) Name() string      { return s.name }
func (s *shards) Len() int          { return len(s.index.entries) }
func (s *shards) Label(i int) int   { return int(s.index.entries[i].Label) }
func (s *shards) Classes() []string { return s.classes }

// Path is the shard and the member, whose name stands in the block before it.
func (s *shards) Path(i int) string {
	e := s.index.entries[i]
	path := filepath.Join(s.dir, s.index.Shards[e.Shard].Name)
	name := "?"
	if b, err := s.source.Read(nil, path, e.Offset-512, 100); err == nil {
		name, _, _ = strings.Cut(string(b), "\x00")
	}
	return path + "#" + name
}

func (s *shards) Encoded(i int, buf []byte) ([]byte, error) {
	e := s.index.entries[i]
	b, err := s.source.Read(buf, filepath.Join(s.dir, s.index.Shards[e.Shard].Name), e.Offset, int64(e.Size))
	if err != nil {
		return nil, notAnImage(s.Path(i), err)
	}
	return b, nil
}

func (s *shards) Image(i int, dst *views.Image) error {
	b, err := s.Encoded(i, nil)
	if err != nil {
		return err
	}
	if err := Decode(b, dst); err != nil {
		return notAnImage(s.Path(i), err)
	}
	return nil
}

// hasShards says whether a folder, or its train/, has tar files and neither
// images nor class folders, beside which a tar file would be something else.
func hasShards(folder string) bool {
	return onlyShards(folder) || onlyShards(filepath.Join(folder, "train"))
}

func onlyShards(dir string) bool {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if isImage(e.Name()) || (e.IsDir() && !slices.Contains([]string{"val", "test", "unlabelled"}, e.Name())) {
			return false
		}
	}
	return len(shardNames(dir)) > 0
}

// shardNames are the tar files of a folder, sorted.
func shardNames(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		if !e.IsDir() && strings.HasSuffix(e.Name(), ".tar") && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names
}

// openShards reads shards in train/ and val/ or test/, and unlabeled/ for
// pre-training, or all in one folder.
func openShards(o Options, name string) (p Parts, err error) {
	dir := o.Folder
	if !onlyShards(dir) {
		dir = filepath.Join(dir, "train")
	}
	a, err := readShards(o, name, dir)
	if err != nil {
		return p, err
	}
	if a.Len() == 0 {
		return p, fmt.Errorf("--data_folder %s: want tar files with images (key%s) in WebDataset's layout, found none in %s", o.Folder, strings.Join(extensions, ", key"), dir)
	}
	var test *shards
	for _, sub := range []string{"val", "test"} {
		part := filepath.Join(o.Folder, sub)
		if test != nil || len(shardNames(part)) == 0 {
			continue
		}
		if test, err = readShards(o, name, part); err != nil {
			return p, err
		}
		if len(test.classes) > len(a.classes) || (len(test.classes) == len(a.classes) && !slices.Equal(test.classes, a.classes)) {
			return p, fmt.Errorf("%s: want the %d classes of %s, got %d others", part, len(a.classes), dir, len(test.classes))
		}
		test.classes = a.classes
	}
	p.Train = a
	if test != nil {
		p.Test = test
	}
	if part := filepath.Join(o.Folder, "unlabelled"); len(shardNames(part)) > 0 {
		if p.Unlabeled, err = readShards(o, name, part); err != nil {
			return p, err
		}
	}
	if name == "imagenet100" {
		return keepClasses(o, p)
	}
	return p, nil
}

func readShards(o Options, name, dir string) (*shards, error) {
	x, err := openIndex(o, dir)
	if err != nil {
		return nil, err
	}
	s := &shards{source: disk{}, name: name, dir: dir, index: x}
	most := -1
	for _, e := range x.entries {
		most = max(most, int(e.Label))
	}
	path := filepath.Join(dir, "classes.txt")
	if b, err := os.ReadFile(path); err == nil {
		s.classes = strings.Split(strings.TrimRight(string(b), "\n"), "\n")
		if most >= len(s.classes) {
			return nil, fmt.Errorf("%s: want a name for each class, but there are %d names, and an image of class %d", path, len(s.classes), most)
		}
	} else if most >= 0 {
		s.classes = numbers(most + 1)
	}
	return s, nil
}

// keepClasses leaves only the classes of ImageNet-100 in the parts.
func keepClasses(o Options, p Parts) (Parts, error) {
	keep, err := readWnids(o.Imagenet100Path)
	if err != nil {
		return p, err
	}
	slices.Sort(keep)
	for _, w := range keep {
		if !slices.Contains(p.Train.Classes(), w) {
			return p, fmt.Errorf("--dataset imagenet100: want the %d classes of ImageNet-100 among the %d of %s, but %s is missing", len(keep), len(p.Train.Classes()), o.Folder, w)
		}
	}
	for _, d := range []*Dataset{&p.Train, &p.Test} {
		if *d == nil {
			continue
		}
		number := map[int]int{}
		for i, c := range (*d).Classes() {
			if at, ok := slices.BinarySearch(keep, c); ok {
				number[i] = at
			}
		}
		var indices []int
		for i := range (*d).Len() {
			if _, ok := number[(*d).Label(i)]; ok {
				indices = append(indices, i)
			}
		}
		*d = renumber(newSubset(*d, indices), number, keep)
	}
	return p, nil
}

// renumbered is a dataset whose classes have other numbers.
type renumbered struct {
	Dataset
	number  map[int]int
	classes []string
}

func (r renumbered) Label(i int) int   { return r.number[r.Dataset.Label(i)] }
func (r renumbered) Classes() []string { return r.classes }

func renumber(d Dataset, number map[int]int, classes []string) Dataset {
	r := renumbered{d, number, classes}
	if e, ok := d.(Encoded); ok {
		return encoded{r, e.Encoded}
	}
	return r
}
