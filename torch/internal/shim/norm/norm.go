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

import (
	_ "embed"

	_ "contralens/internal/cpu" // defines what cpu.h declares
)

// Arguments and Kernels are CUDA C++: the kernels for a GPU, and what they share with the
// C++ that launches them.
var (
	//go:embed arguments.h
	Arguments string
	//go:embed kernels.cu
	Kernels string
)

// KernelNames are the kernels in the order of cl_norm_kernels.
var KernelNames = [...]string{
	"moments", "apply", "apply_relu", "apply_add", "apply_add_relu",
	"reduce", "reduce_result", "reduce_argument", "gradient", "gradient_argument",
}
