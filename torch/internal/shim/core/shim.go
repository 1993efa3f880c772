// Package core compiles the C++ that package torch calls through core.h.
//
// It is a package of its own because cgo compiles all C++ of a package again
// whenever one of its files changes; this way an edit of the Go binding costs a
// second. Never include torch/torch.h here: it costs 15 s and 1 GB a file.
//
// What one of these packages uses of another is found when the binary is linked.
// cgo also links each package by itself, which fails then, as the go command
// expects: no linker flag has to allow missing symbols, which would allow them in
// the binary too. The go command sees no change of a header in another's folder:
// after one, go build -a ./torch/...
package core

/*
#cgo CXXFLAGS: -std=c++17 -O2 -g0 -Wno-deprecated-declarations
#cgo LDFLAGS: -ltorch -ltorch_cpu -lc10
*/
import "C"
