// Package attend compiles the kernel that package torch calls through attend.h.
// Package core explains why it is a package of its own.
package attend

/*
#cgo CXXFLAGS: -std=c++20 -O3 -g0 -fopenmp
#cgo CXXFLAGS: -I${SRCDIR}/../core -I${SRCDIR}/../../../../internal/cpu
#cgo CXXFLAGS: -Wno-deprecated-declarations -Wno-psabi
#cgo LDFLAGS: -fopenmp -ltorch -ltorch_cpu -lc10
*/
import "C"

import _ "contralens/internal/cpu" // defines what cpu.h declares
