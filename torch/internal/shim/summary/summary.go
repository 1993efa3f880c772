// Package summary compiles the kernel that package torch calls through summary.h.
// Package core explains why it is a package of its own.
package summary

/*
#cgo CXXFLAGS: -std=c++20 -O3 -g0 -I${SRCDIR}/../core -I${SRCDIR}/../../../../internal/cpu -Wno-deprecated-declarations
#cgo LDFLAGS: -ltorch -ltorch_cpu -lc10
*/
import "C"

import _ "contralens/internal/cpu" // defines what cpu.h declares
