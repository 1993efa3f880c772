// Package launch compiles the launcher of kernels that package torch calls through
// launch.h. Package core explains why it is a package of its own.
package launch

/*
#cgo CXXFLAGS: -std=c++20 -O2 -g0 -I${SRCDIR}/../core -Wno-deprecated-declarations
#cgo LDFLAGS: -ltorch -ltorch_cpu -lc10
*/
import "C"
