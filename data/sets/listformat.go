package sets

import (
	"context"
	"encoding/csv"
	"fmt"
	"path"
	"slices"
	"strings"

	"contralens/data/codec"
	"contralens/data/store"
)

// separator is what stands between the path and the label on the lines of a list.
type separator rune

const (
	wholeLine separator = 0 // the path alone
	blank     separator = ' '
	tab       separator = '\t'
	comma     separator = ','
	semicolon separator = ';'
)

// shown is the separator in messages.
func (s separator) shown() string {
	switch s {
	case blank:
		return "<blank>"
	case comma, semicolon:
		return string(rune(s))
	}
	return "<tab>"
}

// listFormat says how to read the lines of a list. Programs write
//
//	path<tab>label    path label    path,label    path;label    path
//
// with or without quotes, and a path may have blanks itself. The format is the one by
// which the most images exist.
type listFormat struct {
	separator   separator
	base        string // folder that paths are relative to
	backslashes bool   // between folders, as on Windows
	header      int    // index of the line with the names of columns, or -1
	image       int    // column of the path
	label       int    // column of the label, or -1
}

// formatLines is the number of lines by which the format is found.
const formatLines = 20

// cut splits a line.
func (f *listFormat) cut(line string) (image, label string, labeled bool) {
	switch f.separator {
	case wholeLine:
		return line, "", false
	case blank:
		// The label follows the last blank: paths have blanks, but labels do not.
		line = strings.TrimSpace(line)
		at := strings.LastIndexAny(line, " \t")
		if at < 0 || codec.IsImage(line[at+1:]) {
			return unquote(line), "", false
		}
		return unquote(strings.TrimSpace(line[:at])), line[at+1:], true
	}
	fields := f.fields(line)
	if f.image >= len(fields) {
		return line, "", false
	}
	image = fields[f.image]
	if f.label < 0 || f.label >= len(fields) {
		return image, "", false
	}
	return image, fields[f.label], true
}

// fields returns the columns of a line.
func (f *listFormat) fields(line string) []string {
	if strings.Contains(line, `"`) {
		r := csv.NewReader(strings.NewReader(line))
		r.Comma, r.LazyQuotes, r.TrimLeadingSpace = rune(f.separator), true, f.separator != tab
		if fields, err := r.Read(); err == nil {
			return fields
		}
	}
	fields := strings.Split(line, string(rune(f.separator)))
	if f.separator != tab {
		for i := range fields {
			fields[i] = strings.TrimSpace(fields[i])
		}
	}
	return fields
}

func unquote(s string) string {
	if len(s) > 1 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}

// path returns the path of an image in the store.
func (f *listFormat) path(image string) string {
	if f.backslashes {
		image = strings.ReplaceAll(image, `\`, "/")
	}
	if path.IsAbs(image) {
		return image
	}
	return store.Join(f.base, image)
}

// findFormat finds the format of a list by the images that exist, or by their extensions
// if none does.
func findFormat(ctx context.Context, o Options, list string, lines []string) (*listFormat, error) {
	var sample []string
	first := -1
	for i, line := range lines {
		if !skipLine(line) && len(sample) < formatLines {
			if first < 0 {
				first = i
			}
			sample = append(sample, line)
		}
	}
	if len(sample) == 0 {
		return &listFormat{header: -1, base: store.Dir(list)}, nil
	}
	var best *listFormat
	most := 0
	for _, base := range bases(list) {
		for _, f := range formats(sample, base) {
			f.readHeader(sample[0], first)
			if n := f.count(sample, func(p string) bool { return isFile(ctx, o.Store, p) }); n > most {
				best, most = f, n
			}
			if most == len(sample) {
				break
			}
		}
		if most > 0 {
			break
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", list, err)
	}
	if best == nil {
		return nil, noImages(list, sample)
	}
	if best.header >= 0 {
		classes := "no classes"
		if best.label >= 0 {
			classes = fmt.Sprintf("classes in column %d", best.label+1)
		}
		o.note("%s: line %d has the names of columns: images are in column %d, %s", list, first+1, best.image+1, classes)
	}
	if best.base != store.Dir(list) {
		o.note("%s: its paths are relative to %s", list, best.base)
	}
	return best, nil
}

// noImages is the error of a list none of whose images exists.
func noImages(list string, sample []string) error {
	best, most := &listFormat{header: -1, base: store.Dir(list)}, -1
	for _, f := range formats(sample, store.Dir(list)) {
		if n := f.count(sample, codec.IsImage); n > most {
			best, most = f, n
		}
	}
	image, _, _ := best.cut(sample[0])
	found := "there is no such image"
	if len(sample) > 1 {
		found = fmt.Sprintf("none of the first %d images is there, beginning with", len(sample))
	}
	return fmt.Errorf("%s: want the path of an image on each line, relative to the list, and its class after a tab, "+
		"blank or comma if there are classes; but %s %q", list, found, image)
}

// formats returns the formats that the lines may have, the preferred ones first.
func formats(sample []string, base string) (all []*listFormat) {
	for _, s := range []separator{tab, wholeLine, comma, semicolon, blank} {
		has := func(line string) bool { return strings.ContainsRune(line, rune(s)) }
		if s == blank {
			has = func(line string) bool { return strings.ContainsAny(strings.TrimSpace(line), " \t") }
		}
		if s != wholeLine && !slices.ContainsFunc(sample, has) {
			continue
		}
		f := listFormat{separator: s, base: base, header: -1, label: 1}
		all = append(all, &f)
		if slices.ContainsFunc(sample, func(line string) bool { return strings.Contains(line, `\`) }) {
			windows := f
			windows.backslashes = true
			all = append(all, &windows)
		}
	}
	return all
}

// count counts the lines with an image for which there holds.
func (f *listFormat) count(sample []string, there func(path string) bool) (n int) {
	for i, line := range sample {
		if i == 0 && f.header >= 0 {
			continue
		}
		if image, _, _ := f.cut(line); image != "" && there(f.path(image)) {
			n++
		}
	}
	return n
}

// Names of columns, in lower case.
var (
	imageColumns = []string{"path", "image_path", "img_path", "filepath", "file_path", "filename", "file_name", "file",
		"image", "img", "image_name", "image_id", "name", "id"}
	labelColumns = []string{"label", "class", "class_name", "classname", "category", "target", "label_name", "class_id",
		"label_id", "category_id", "species", "breed"}
)

// readHeader recognizes a first line with the names of columns.
func (f *listFormat) readHeader(line string, number int) {
	if f.separator == wholeLine || f.separator == blank {
		return
	}
	fields := f.fields(strings.ToLower(line))
	find := func(names []string) int {
		for _, n := range names {
			if at := slices.IndexFunc(fields, func(c string) bool { return strings.TrimSpace(c) == n }); at >= 0 {
				return at
			}
		}
		return -1
	}
	image, label := find(imageColumns), find(labelColumns)
	if image < 0 && label < 0 {
		return
	}
	f.header, f.image, f.label = number, max(image, 0), label
	if image < 0 && label == 0 {
		f.image = 1
	}
}

// bases are the folders that the paths of a list may be relative to: its own, the one
// above, folders there that are named like the list, and the current one.
func bases(list string) []string {
	dir := store.Dir(list)
	name := strings.TrimSuffix(path.Base(list), path.Ext(list))
	above := store.Join(dir, "..")
	return slices.Compact([]string{dir, store.Join(dir, name), store.Join(dir, "images"), above, store.Join(above, name),
		store.Join(above, "images"), "."})
}

func isFile(ctx context.Context, s store.Store, name string) bool {
	info, err := s.Stat(ctx, name)
	return err == nil && !info.Folder
}
