// Package list finds the C functions that the headers of the shim declare.
package list

import (
	"bytes"
	"fmt"
	"io/fs"
	"regexp"
	"slices"

	"contralens/torch/internal/shim"
)

// declaration matches a function in a header: its type, name, and what follows it.
var declaration = regexp.MustCompile(`(?m)^[a-z][A-Za-z0-9_ ]*[ *]+(cl_[a-z0-9_]+)\(`)

// Header returns the content of functions.h: every function that a header of the shim
// declares.
func Header() ([]byte, error) {
	headers, err := fs.Glob(shim.Sources, "*/*.h")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, h := range headers {
		text, err := fs.ReadFile(shim.Sources, h)
		if err != nil {
			return nil, err
		}
		for _, m := range declaration.FindAllSubmatch(text, -1) {
			names = append(names, string(m[1]))
		}
	}
	slices.Sort(names)
	var b bytes.Buffer
	b.WriteString("// The functions of an engine. Written by go generate ./torch/internal/loader; do not edit.\n")
	for _, name := range slices.Compact(names) {
		fmt.Fprintf(&b, "F(%s)\n", name)
	}
	return b.Bytes(), nil
}
