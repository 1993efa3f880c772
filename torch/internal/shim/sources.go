// Package shim has the source of the C++ that stands between Go and libtorch. Its
// subpackages compile it into a Go program; package engine compiles it into a library.
package shim

import "embed"

// Sources has the C++ files, in a folder per subpackage.
//
//go:embed */*.cc */*.h dist/stub
var Sources embed.FS
