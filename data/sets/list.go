package sets

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"contralens/data"
	"contralens/data/store"
)

// openList reads a text file with lines "path" or "path<tab>label"; # begins a comment
// line. Paths are relative to the list's folder. The options' folder is the list
// itself, or a folder with train.txt and, for tests, val.txt or test.txt.
func openList(ctx context.Context, o Options) (p data.Splits, err error) {
	info, err := o.Store.Stat(ctx, o.Folder)
	if err != nil {
		return p, wrongOption(Folder, o.Folder, "want a list of images, or a folder with train.txt, but %w", err)
	}
	list := o.Folder
	if info.Folder {
		list = path.Join(o.Folder, "train.txt")
	}
	a, err := readList(ctx, o, list)
	if err != nil {
		return p, err
	}
	if a.Len() == 0 {
		return p, fmt.Errorf("%s: want lines of path<tab>label, or of path alone, got none", list)
	}
	p.Train = a
	for _, name := range []string{"val.txt", "test.txt"} {
		test := path.Join(path.Dir(list), name)
		if test == list || !store.Exists(ctx, o.Store, test) {
			continue
		}
		p.Test, err = o.testSplit(ctx, func() (data.Dataset, error) {
			b, err := readList(ctx, o, test)
			if err != nil {
				return nil, err
			}
			return sameClasses(o, a, b, list, test)
		})
		return p, err
	}
	return p, nil
}

func readList(ctx context.Context, o Options, list string) (*files, error) {
	file, err := o.Store.Open(ctx, list)
	if err != nil {
		return nil, fmt.Errorf("%s: want a list with a line path<tab>label for each image, but %w", list, err)
	}
	defer file.Close()
	f := &files{store: o.Store, decoder: o.decoder, name: "list"}
	var labels []string
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimRight(lines.Text(), "\r")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		image, label, labeled := strings.Cut(line, "\t")
		if labeled != (len(labels) > 0) && len(f.paths) > 0 {
			return nil, fmt.Errorf("%s: line %d: want a label on every line, or on none, as path<tab>label; got %q",
				list, n, line)
		}
		if labeled {
			if label = strings.TrimSpace(label); label == "" {
				return nil, fmt.Errorf("%s: line %d: want path<tab>label, but nothing follows the tab of %q", list, n, line)
			}
			labels = append(labels, label)
		}
		if strings.ContainsRune(image, 0) {
			return nil, fmt.Errorf("%s: line %d: want text, but it has zero bytes: is it a list?", list, n)
		}
		if !path.IsAbs(image) {
			image = path.Join(path.Dir(list), image)
		}
		f.add(image, -1)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: want lines of text, but %w", list, err)
	}
	f.classes = sortedClasses(labels)
	for i, l := range labels {
		f.labels[i], _ = slices.BinarySearchFunc(f.classes, l, compareClasses)
	}
	return f, nil
}

// sortedClasses returns the distinct labels in order: numbers by value, then names.
func sortedClasses(labels []string) []string {
	seen := map[string]bool{}
	var classes []string
	for _, l := range labels {
		if !seen[l] {
			seen[l] = true
			classes = append(classes, l)
		}
	}
	slices.SortFunc(classes, compareClasses)
	return classes
}

// compareClasses orders numbers before names.
func compareClasses(a, b string) int {
	x, errA := strconv.Atoi(a)
	y, errB := strconv.Atoi(b)
	switch {
	case errA == nil && errB == nil && x != y:
		return cmp.Compare(x, y)
	case errA == nil && errB != nil:
		return -1
	case errA != nil && errB == nil:
		return 1
	}
	return strings.Compare(a, b)
}
