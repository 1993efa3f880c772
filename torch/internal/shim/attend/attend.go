// Package attend compiles a kernel that package torch calls through attend.h;
// see package core for why it stands alone.
package attend

/*
#cgo CXXFLAGS: -std=c++17 -O3 -g0 -fopenmp -I${SRCDIR}/../core -Wno-deprecated-declarations -Wno-psabi
#cgo LDFLAGS: -fopenmp -ltorch -ltorch_cpu -lc10
*/
import "C"
