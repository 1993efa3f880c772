// Package gpu tests what the program asks of a GPU. Its tests run on the fake CUDA runtime
// (make test-fakegpu), which counts kernels, waits and copies and computes nothing.
package gpu
