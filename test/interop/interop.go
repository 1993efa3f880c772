// Package interop holds what is written here against the programs that others
// read it with: PyTorch, NumPy, ONNX Runtime. Its scripts run under Debian's
// Python and under Node; what a machine hasn't is said and not compared.
package interop
