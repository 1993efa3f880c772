// Package norm compiles a kernel that package torch calls through norm.h; see
// package core for why it stands alone.
package norm

/*
#cgo CXXFLAGS: -std=c++17 -O3 -g0 -fopenmp
#cgo CXXFLAGS: -I${SRCDIR}/../core -I${SRCDIR}/../../../../internal/cpu
#cgo CXXFLAGS: -Wno-deprecated-declarations
#cgo LDFLAGS: -ltorch -ltorch_cpu -lc10 -fopenmp
*/
import "C"

import _ "contralens/internal/cpu" // the level that cpu.h declares
