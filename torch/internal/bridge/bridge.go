// Package bridge lets packages under torch pass tensors to C functions of their own, without
// a handle in the interface of package torch.
package bridge

import "unsafe"

// A Tensor is a *torch.Tensor.
type Tensor any

// Handle returns the handle of a tensor, which stays the tensor's. It panics with a
// *torch.Error if the tensor was freed. Wrap takes ownership of a handle and returns its
// tensor, in the current scope. Package torch sets both.
var (
	Handle func(Tensor) unsafe.Pointer
	Wrap   func(unsafe.Pointer) Tensor
)
