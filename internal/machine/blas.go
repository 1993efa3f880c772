package machine

import (
	"io/fs"
	"strings"
)

// BLAS returns the library of matrix products that Debian's alternatives select, or "" if
// the system has no such alternatives.
func BLAS() string { return here.blas() }

func (s system) blas() string {
	links, err := fs.Glob(s.files, "etc/alternatives/libblas.so.3*")
	if err != nil || len(links) == 0 {
		return ""
	}
	target, err := fs.ReadLink(s.files, links[0])
	if err != nil {
		return ""
	}
	return target
}

// ReferenceBLAS reports whether a library is the reference implementation, whose
// products are many times slower than those of an optimized one.
func ReferenceBLAS(library string) bool { return strings.Contains(library, "/blas/") }
