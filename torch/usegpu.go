package torch

/*
#include "core.h"
*/
import "C"

import "os"

// Arithmetic is how a GPU computes.
type Arithmetic struct {
	// TF32 lets products and convolutions of float32 round their inputs to 10 bits of
	// mantissa. Without it they follow IEEE 754.
	TF32 bool
	// Deterministic chooses algorithms that give the same bits each time. Without it,
	// cuDNN measures which algorithm is fastest.
	Deterministic bool
}

// UseGPU prepares the process for computing on a GPU, and sets how GPUs compute. It does
// nothing to the CPU's arithmetic.
func UseGPU(d Device, a Arithmetic) error {
	if a.Deterministic {
		// cuBLAS reads it when it is first used. Without a fixed workspace, its sums depend
		// on what runs at the same time.
		if _, set := os.LookupEnv("CUBLAS_WORKSPACE_CONFIG"); !set {
			if err := os.Setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8"); err != nil {
				return err
			}
		}
	}
	if err := try("use of a GPU", C.cl_use_gpu(C.int(d.index()), cbool(a.TF32), cbool(a.Deterministic))); err != nil {
		return err
	}
	inUse = d
	return nil
}
