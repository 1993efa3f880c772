// Package norm compiles the kernel that package torch calls through norm.h.
// Package core explains why it is a package of its own.
package norm

/*
#cgo CXXFLAGS: -std=c++20 -O3 -g0 -fopenmp
#cgo CXXFLAGS: -I${SRCDIR}/../core -I${SRCDIR}/../launch -I${SRCDIR}/../../../../internal/cpu
#cgo CXXFLAGS: -Wno-deprecated-declarations
#cgo LDFLAGS: -ltorch -ltorch_cpu -lc10 -fopenmp
*/
import "C"

import _ "contralens/internal/cpu" // defines what cpu.h declares
