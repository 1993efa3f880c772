package store

import (
	"path"
	"regexp"
	"strings"
)

// scheme is the beginning of a URL.
var scheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)

// IsURL reports whether a name is that of something in a network, such as
// s3://bucket/folder, and not the path of a file.
func IsURL(name string) bool { return scheme.MatchString(name) }

// Join joins the elements of a name as path.Join does, but keeps the beginning of a URL.
func Join(elements ...string) string {
	if len(elements) == 0 {
		return ""
	}
	start := scheme.FindString(elements[0])
	if start == "" {
		return path.Join(elements...)
	}
	below := path.Join(append([]string{"/", elements[0][len(start):]}, elements[1:]...)...)
	return start + strings.TrimPrefix(below, "/")
}

// Dir returns the folder that a name is in. It differs from path.Dir in keeping the
// beginning of a URL.
func Dir(name string) string {
	if !IsURL(name) {
		return path.Dir(name)
	}
	return Join(name, "..")
}
