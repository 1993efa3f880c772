package shim

import _ "embed"

var (
	//go:embed launch/element.cuh
	element string
	//go:embed norm/arguments.h
	normArguments string
	//go:embed norm/kernels.cu
	normKernels string
)

// NormText is the CUDA C++ of the kernels NormKernels, for NVRTC.
func NormText() string { return normArguments + element + normKernels }

// NormKernels are the kernels of NormText in the order of cl_norm_kernels.
var NormKernels = [...]string{
	"moments", "apply", "apply_relu", "apply_add", "apply_add_relu",
	"reduce", "reduce_result", "reduce_argument", "gradient", "gradient_argument",
}
