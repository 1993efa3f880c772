// Package dist compiles the stores, groups and the Reducer of libtorch's c10d that package
// torch/dist calls through dist.h. Package core explains why it is a package of its own.
//
// stub has the headers that c10d's own headers include and that libtorch's packages lack.
package dist

/*
#cgo CXXFLAGS: -std=c++20 -O2 -g0 -I${SRCDIR}/stub -I${SRCDIR}/../core -Wno-deprecated-declarations
#cgo LDFLAGS: -ltorch -ltorch_cpu -lc10
*/
import "C"
