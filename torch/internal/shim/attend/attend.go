// Package attend compiles a kernel that package torch calls through attend.h;
// see package core for why it stands alone.
package attend

/*
#cgo CXXFLAGS: -std=c++17 -O3 -g0 -fopenmp
#cgo CXXFLAGS: -I${SRCDIR}/../core -I${SRCDIR}/../../../../internal/cpu
#cgo CXXFLAGS: -Wno-deprecated-declarations -Wno-psabi
#cgo LDFLAGS: -fopenmp -ltorch -ltorch_cpu -lc10
*/
import "C"

import _ "contralens/internal/cpu" // the level that cpu.h declares
