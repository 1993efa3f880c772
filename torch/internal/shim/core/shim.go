// Package core compiles the C++ that package torch calls through core.h.
//
// It is a package of its own because cgo recompiles all C++ of a package whenever one of
// its files changes. This way rebuilding after an edit of the Go binding takes a second.
// Never include torch/torch.h here: it costs 15 s and 1 GB per file.
//
// Symbols that one of these packages uses from another are resolved when the binary is
// linked. cgo also links each package by itself. That fails, and the go command expects
// it to: no linker flag has to allow missing symbols, which would allow them in the
// binary too. The go command does not notice a changed header in another package's
// folder; after such a change run go build -a ./torch/...
//
// After a new function in a header run go generate ./torch/internal/loader: programs with
// the tag engine find the functions by a list.
package core

/*
#cgo CXXFLAGS: -std=c++20 -O2 -g0 -Wno-deprecated-declarations
#cgo LDFLAGS: -ltorch -ltorch_cpu -lc10
*/
import "C"
