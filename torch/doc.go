// Package torch is a thin binding to libtorch: tensors, autograd, autocast,
// random numbers and the operators that contrastive training needs.
//
// # Life cycle
//
// A [Tensor] holds one reference to a libtorch tensor. It is freed explicitly:
// every tensor made inside a [Scoped] function is freed when that function
// returns, [Tensor.Free] frees one earlier, and [Tensor.Keep] takes one out of
// its scope for good. The garbage collector frees no tensors: it sees a Go heap
// of a few megabytes and would let gigabytes of tensors pile up. [LiveTensors]
// counts the references that are not freed yet.
//
// # Threads
//
// Gradient mode, autocast and the number of compute threads belong to the
// operating system's thread. One goroutine does all tensor work, inside [Run],
// which locks it to its thread. Scopes are not safe for concurrent use.
//
// # Waiting for a GPU
//
// Operators on a GPU return when they are launched. [Tensor.Item], [Tensor.Float32s] and
// their like wait for all work launched before. A [Readback] brings many results to
// the host in one copy, and the host can launch more work meanwhile.
//
// # Errors
//
// Operators panic with an [*Error] when their arguments don't fit, so that
// model code reads like formulas. [Run] turns that panic into an error and lets
// every other panic through.
//
// # Operators
//
// Operators have the names and the meaning that they have in PyTorch. One with a
// trailing underscore changes the tensor itself. The binding is general: besides
// the operators that this module calls, it has those that a new method, layer or
// measurement is likely to need. A test compares each with its definition:
//
//   - arithmetic: [Tensor.Abs], [Tensor.Exp], [Tensor.Rsqrt], [Tensor.Reciprocal],
//     [Tensor.Sigmoid], [Tensor.Tanh], [Tensor.Clamp], [Tensor.ClampMin],
//     [Tensor.Minimum], [Tensor.Lerp], [Tensor.Addmm]
//   - comparison and selection: [Tensor.Gt], [Tensor.Where], [Tensor.Any]
//   - in place: [Tensor.Mul_], [Tensor.Zero_], [Tensor.Fill_], [Tensor.Clamp_],
//     [Tensor.Lerp_], [Tensor.Addmm_], [Tensor.Normal_], [Tensor.Uniform_]
//   - reduction: [Tensor.Max], [Tensor.Min], [Tensor.MaxDim], [Tensor.VarDim],
//     [Tensor.LogSumExp], [Tensor.CumSum], [Tensor.Sort], [Tensor.Argsort],
//     [Tensor.Bincount]
//   - shape and pooling: [Tensor.Expand], [Tensor.Chunk], [Tensor.AdaptiveAvgPool2d]
//   - data: [FromUint8], [Tensor.Uint8s], [Tensor.CopyTo], and all of PyTorch's
//     integer types
//   - debugging and profiling: [LiveTensors], [MemoryInUse], [MemoryPeak],
//     [ResetMemoryPeak], [BuildInfo], [Tensor.Freed], [Tensor.SharesMemory], [Tensor.String]
package torch
