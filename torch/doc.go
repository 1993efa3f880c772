// Package torch is a thin binding to libtorch: tensors, autograd, autocast,
// random numbers and the operators that contrastive training needs.
//
// # Life cycle
//
// A [Tensor] holds one reference to a libtorch tensor. It is freed explicitly:
// every tensor made inside a [Scoped] function is freed when that function
// returns, [Tensor.Free] frees one earlier, [Tensor.Keep] takes one out of its
// scope for good. The garbage collector frees nothing: a Go heap of a few
// megabytes would sit on gigabytes of tensors. [LiveTensors] counts what lives.
//
// # Threads
//
// Gradient mode, autocast and the number of compute threads belong to the
// operating system's thread. All tensor work is done by one goroutine inside
// [Run], which locks it to its thread; scopes are not safe for use by several
// goroutines at once.
//
// # Errors
//
// Operators panic with an [*Error] when their arguments don't fit, so that
// model code reads like formulas; [Run] turns that panic into an error. No
// other panic is touched.
package torch
