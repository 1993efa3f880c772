package torch

/*
#include "core.h"
*/
import "C"

import (
	"unsafe"

	"contralens/torch/internal/bridge"
)

func init() {
	bridge.Handle = func(t bridge.Tensor) unsafe.Pointer { return unsafe.Pointer(t.(*Tensor).c()) }
	bridge.Wrap = func(h unsafe.Pointer) bridge.Tensor { return wrap(C.cl_tensor(h)) }
}
