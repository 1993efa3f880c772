package sets

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"contralens/data"
	"contralens/data/codec"
	"contralens/data/store"
)

// openList reads a text file with a line for each image: its path, and its class if there
// are classes; # begins a comment line. listFormat describes what separates them. The
// options' folder is the list itself, or a folder with a list named train, and for tests
// one named val or test.
func openList(ctx context.Context, o Options) (p data.Splits, err error) {
	info, err := o.Store.Stat(ctx, o.Folder)
	if err != nil {
		return p, wrongOption(Folder, o.Folder, "want a list of images, or a folder with train.txt, but %w", err)
	}
	list := o.Folder
	if info.Folder {
		if list, err = trainList(ctx, o); err != nil {
			return p, err
		}
	}
	a, err := readList(ctx, o, list)
	if err != nil {
		return p, err
	}
	if a.Len() == 0 {
		return p, fmt.Errorf("%s: want lines of path<tab>label, or of path alone, got none", list)
	}
	p.Train = a
	p.Test, err = o.testSplit(ctx, func() (data.Dataset, error) {
		for _, name := range lists(ctx, o, store.Dir(list), testSplit) {
			test := store.Join(store.Dir(list), name)
			if test == list {
				continue
			}
			b, err := readList(ctx, o, test)
			if err != nil {
				return nil, err
			}
			return sameClasses(o, a, b, list, test)
		}
		return nil, nil
	})
	return p, err
}

// lists returns the names of the lists of a kind of split in a folder, the preferred one
// first.
func lists(ctx context.Context, o Options, dir string, kind split) (names []string) {
	entries, _ := o.Store.List(ctx, dir)
	for _, e := range entries {
		ext := path.Ext(e.Name)
		is, _ := splitOf(strings.TrimSuffix(e.Name, ext))
		if !e.Folder && is == kind && slices.Contains([]string{".txt", ".csv", ".tsv", ".lst"}, strings.ToLower(ext)) {
			names = append(names, e.Name)
		}
	}
	slices.SortStableFunc(names, func(a, b string) int {
		_, x := splitOf(strings.TrimSuffix(a, path.Ext(a)))
		_, y := splitOf(strings.TrimSuffix(b, path.Ext(b)))
		return x - y
	})
	return names
}

// trainList returns the path of the list of training images in the options' folder.
func trainList(ctx context.Context, o Options) (string, error) {
	names := lists(ctx, o, o.Folder, trainSplit)
	list := store.Join(o.Folder, "train.txt")
	switch {
	case len(names) == 0 || slices.Contains(names, "train.txt"):
		return list, nil // an error says what is missing
	case len(names) > 1:
		return "", fmt.Errorf("%s: want one list of training images, got %s; name the list itself", o.Folder, quoted(names))
	}
	return store.Join(o.Folder, names[0]), nil
}

// readText reads a file of UTF-8, or of UTF-16 if a byte order mark says so. It removes
// the mark.
func readText(ctx context.Context, o Options, list string) (string, error) {
	file, err := o.Store.Open(ctx, list)
	if err != nil {
		return "", fmt.Errorf("%s: want a list with a line path<tab>label for each image, but %w", list, err)
	}
	defer file.Close()
	b, err := io.ReadAll(file)
	if err != nil {
		return "", fmt.Errorf("%s: want lines of text, but %w", list, err)
	}
	if kind := notText(b); kind != "" {
		return "", wrongOption(Folder, list, "want a folder of images or a list of them, but it is %s; "+
			"name the folder that it is in", kind)
	}
	for mark, order := range map[string]binary.ByteOrder{"\xFF\xFE": binary.LittleEndian, "\xFE\xFF": binary.BigEndian} {
		if !bytes.HasPrefix(b, []byte(mark)) {
			continue
		}
		var units []uint16
		for b = b[2:]; len(b) >= 2; b = b[2:] {
			units = append(units, order.Uint16(b))
		}
		return string(utf16.Decode(units)), nil
	}
	return strings.TrimPrefix(string(b), "\uFEFF"), nil
}

// notText recognizes files that are no list.
func notText(b []byte) string {
	if kind := codec.Format(b); kind != "" && ((kind != "BMP" && kind != "Netpbm") || bytes.IndexByte(b, 0) >= 0) {
		return "a " + kind + " image"
	}
	switch {
	case len(b) > 262 && string(b[257:262]) == "ustar":
		return "a tar file"
	case bytes.HasPrefix(b, []byte("PK\x03\x04")):
		return "a zip file, which must be unpacked"
	case bytes.HasPrefix(b, []byte("\x1F\x8B")):
		return "a gzip file, which must be unpacked"
	}
	return ""
}

func readList(ctx context.Context, o Options, list string) (*files, error) {
	text, err := readText(ctx, o, list)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, "\r")
		if strings.ContainsRune(line, 0) {
			return nil, fmt.Errorf("%s: line %d: want text, but it has zero bytes: is it a list?", list, i+1)
		}
	}
	format, err := findFormat(ctx, o, list, lines)
	if err != nil {
		return nil, err
	}
	f := &files{store: o.Store, decoder: o.decoder, name: "list"}
	var labels []string
	for i, line := range lines {
		if skipLine(line) || i == format.header {
			continue
		}
		image, label, labeled := format.cut(line)
		if labeled != (len(labels) > 0) && len(f.paths) > 0 {
			return nil, fmt.Errorf("%s: line %d: want a label on every line, or on none, as path%slabel; got %q",
				list, i+1, format.separator.shown(), line)
		}
		if labeled {
			if label = strings.TrimSpace(label); label == "" {
				return nil, fmt.Errorf("%s: line %d: want path%slabel, but nothing follows the %s of %q",
					list, i+1, format.separator.shown(), strings.Trim(format.separator.shown(), "<>"), line)
			}
			labels = append(labels, label)
		}
		f.add(format.path(image), -1)
	}
	f.classes = sortedClasses(labels)
	for i, l := range labels {
		f.labels[i], _ = slices.BinarySearchFunc(f.classes, l, compareClasses)
	}
	return f, nil
}

// skipLine reports whether a line is empty or a comment.
func skipLine(line string) bool { return strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") }

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
