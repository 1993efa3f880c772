package sets

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Where the class of a sample may be, the preferred place first.
const (
	clsLabel     = iota // key.cls, key.label, key.class, key.target
	jsonLabel           // key.json, in one of jsonLabels
	textLabel           // key.txt, which may also be a caption
	labelSources        // how many there are
)

var noLabels = [labelSources]int32{-1, -1, -1}

// maxLabelBytes is the size of the largest file that is read for a class.
const maxLabelBytes = 1 << 16

// jsonLabels are the names under which JSON files have a class, the preferred one first.
var jsonLabels = []string{"label", "cls", "class", "class_id", "class_label", "target", "category", "category_id",
	"label_id", "class_name", "label_name"}

// labels collects the classes of samples, which are texts until all shards are read.
type labels struct {
	of     [][labelSources]int32 // of each entry of the index: numbers of texts, or -1
	number map[string]int32
	texts  []string
	member []string // that each text was found in first
	long   int      // texts that are too long for a class
	plain  int      // JSON files without a class
}

// sourceOf returns what a member with an extension may say about the class.
func sourceOf(ext string) (source int, ok bool) {
	first, _, _ := strings.Cut(ext, ".")
	switch {
	case slices.Contains([]string{"cls", "class", "label", "target"}, first):
		return clsLabel, true
	case ext == "json" || strings.HasSuffix(ext, ".json"):
		return jsonLabel, true
	case ext == "txt":
		return textLabel, true
	}
	return 0, false
}

// read returns the number of the text that a member has for a class, or -1.
func (l *labels) read(source int, member string, b []byte) int32 {
	b = bytes.TrimSpace(bytes.TrimPrefix(b, []byte("\uFEFF")))
	if len(b) > 0 && b[0] == '{' {
		b = fromJSON(b)
	} else if source == jsonLabel {
		b = scalar(b)
	}
	const most = 200
	if len(b) == 0 || len(b) > most || bytes.ContainsAny(b, "\n\x00") {
		switch {
		case source == jsonLabel:
			l.plain++
		case source == clsLabel && len(b) > 0:
			l.long++
		}
		return -1
	}
	text := string(b)
	if f, err := strconv.ParseFloat(text, 64); err == nil && f == float64(int64(f)) && strings.ContainsAny(text, ".eE") {
		text = strconv.FormatInt(int64(f), 10) // 3.0 of NumPy
	}
	n, ok := l.number[text]
	if !ok {
		if len(l.texts) >= maxClasses {
			return -1 // captions
		}
		if l.number == nil {
			l.number = map[string]int32{}
		}
		n = int32(len(l.texts))
		l.number[text] = n
		l.texts, l.member = append(l.texts, text), append(l.member, member)
	}
	return n
}

// fromJSON returns the class in an object of JSON, or nothing.
func fromJSON(b []byte) []byte {
	var object map[string]json.RawMessage
	if json.Unmarshal(b, &object) != nil {
		return nil
	}
	for _, name := range jsonLabels {
		if v := scalar(object[name]); len(v) > 0 {
			return v
		}
	}
	return nil
}

// scalar returns the text of a string or a number in JSON, or nothing.
func scalar(v []byte) []byte {
	var text string
	if json.Unmarshal(v, &text) == nil {
		return []byte(strings.TrimSpace(text))
	}
	var number json.Number
	if json.Unmarshal(v, &number) == nil {
		return []byte(number)
	}
	return nil
}

// settle chooses the place that classes are read from, numbers the classes and drops the
// images without a class, unless no image has one.
func (l *labels) settle(x *index) {
	note := func(format string, args ...any) { x.Notes = append(x.Notes, fmt.Sprintf(format, args...)) }
	if l.long > 0 {
		note("%d class files have more than a word and are not read", l.long)
	}
	source := 0
	for source < labelSources && !l.usable(source) {
		source++
	}
	if source == labelSources {
		if l.count(textLabel) > 0 {
			note("the images have no classes: the texts in key.txt differ from image to image")
		}
		if l.plain > 0 {
			note("the images have no classes: %d files key.json have none of %s", l.plain, strings.Join(jsonLabels, ", "))
		}
		return
	}
	switch source {
	case jsonLabel:
		note("classes are read from key.json")
	case textLabel:
		note("classes are read from key.txt")
	}
	class := l.classes(x, source, note)
	kept := x.entries[:0]
	for i, e := range x.entries {
		if t := l.of[i][source]; t >= 0 && class[t] >= 0 {
			e.Label = class[t]
			kept = append(kept, e)
		}
	}
	if without := len(x.entries) - len(kept); without > 0 {
		note("%d images without a class (key.cls) are left out", without)
	}
	x.entries = kept
}

// count returns the number of images that have a text at a place.
func (l *labels) count(source int) (n int) {
	for _, of := range l.of {
		if of[source] >= 0 {
			n++
		}
	}
	return n
}

// usable reports whether classes can be read from a place. Texts that differ from image
// to image are captions.
func (l *labels) usable(source int) bool {
	n := l.count(source)
	if source != textLabel || n == 0 {
		return n > 0
	}
	distinct := map[int32]bool{}
	numbers := true
	for _, of := range l.of {
		if t := of[source]; t >= 0 && !distinct[t] {
			distinct[t] = true
			_, err := strconv.Atoi(l.texts[t])
			numbers = numbers && err == nil
		}
	}
	return numbers || 2*len(distinct) <= n
}

// classes returns the class of each text, or -1. If most images have numbers, these are
// the classes; otherwise the texts are their names, which it stores in the index.
func (l *labels) classes(x *index, source int, note func(string, ...any)) []int32 {
	class := make([]int32, len(l.texts))
	for t, text := range l.texts {
		n, err := strconv.ParseInt(text, 10, 32)
		if class[t] = int32(n); err != nil || n < 0 || n >= maxClasses {
			class[t] = -1
		}
	}
	used := make([]int, len(l.texts))
	numbered, named, firstNamed := 0, 0, int32(-1)
	for _, of := range l.of {
		t := of[source]
		switch {
		case t < 0:
			continue
		case class[t] >= 0:
			numbered++
		default:
			if named++; firstNamed < 0 {
				firstNamed = t
			}
		}
		used[t]++
	}
	if numbered >= named {
		if named > 0 {
			note("want the number of a class, 0 to %d, as most images have, but %d images have other texts; "+
				"the first is %q in member %s", maxClasses-1, named, l.texts[firstNamed], l.member[firstNamed])
		}
		return class
	}
	var names []string
	for t, n := range used {
		if n > 0 {
			names = append(names, l.texts[t])
		}
	}
	x.Classes = sortedClasses(names)
	for t, n := range used {
		if class[t] = -1; n > 0 {
			at, _ := slices.BinarySearchFunc(x.Classes, l.texts[t], compareClasses)
			class[t] = int32(at)
		}
	}
	return class
}
