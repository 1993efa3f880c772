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
//
// # Operators
//
// Operators have the names and the meaning that they have in PyTorch; a trailing
// underscore changes the tensor itself. The binding is general: beside what this
// module calls, it has the neighbors that a new method, layer or measurement
// reaches for, each held against a definition by a test:
//
//   - arithmetic: [Tensor.Abs], [Tensor.Exp], [Tensor.Rsqrt], [Tensor.Reciprocal],
//     [Tensor.Sigmoid], [Tensor.Tanh], [Tensor.Clamp], [Tensor.ClampMin],
//     [Tensor.Minimum], [Tensor.Lerp], [Tensor.Addmm]
//   - choice: [Tensor.Gt], [Tensor.Where], [Tensor.Any]
//   - in place: [Tensor.Mul_], [Tensor.Zero_], [Tensor.Fill_], [Tensor.Clamp_],
//     [Tensor.Lerp_], [Tensor.Addmm_], [Tensor.Normal_], [Tensor.Uniform_]
//   - reduction: [Tensor.Max], [Tensor.Min], [Tensor.MaxDim], [Tensor.VarDim],
//     [Tensor.LogSumExp], [Tensor.CumSum], [Tensor.Sort], [Tensor.Argsort],
//     [Tensor.Bincount]
//   - shape and pooling: [Tensor.Expand], [Tensor.Chunk], [Tensor.AdaptiveAvgPool2d]
//   - data: [FromUint8], [Tensor.Uint8s], [Tensor.CopyTo], and all of PyTorch's
//     integer types
//   - to look at a program: [LiveTensors], [TrackMemory], [MemoryInUse],
//     [MemoryPeak], [ResetMemoryPeak], [BuildInfo], [Tensor.Freed],
//     [Tensor.SharesMemory], [Tensor.String]
package torch
