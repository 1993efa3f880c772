// Package summary compiles a kernel that package torch calls through summary.h;
// see package core for why it stands alone.
package summary

/*
#cgo CXXFLAGS: -std=c++17 -O3 -g0 -I${SRCDIR}/../core -I${SRCDIR}/../../../../internal/cpu -Wno-deprecated-declarations
#cgo LDFLAGS: -ltorch -ltorch_cpu -lc10
*/
import "C"

import _ "contralens/internal/cpu" // the level that cpu.h declares
