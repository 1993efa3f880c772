// Batch norm by the CUDA kernels of kernels.cu, and what it shares with the CPU's.
#pragma once

#include <ATen/core/Tensor.h>

#include "norm.h"

// The operands of cl_norm.
struct Operands {
  at::Tensor x, weight, bias, mean, variance, residual;
  bool training;
  int64_t groups;
  double momentum, eps;
  bool relu;
};

// The order of elements that the kernels work in.
inline at::MemoryFormat format(const at::Tensor& x) {
  return x.dim() == 4 ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
}

// Whether t is the only reference to its memory.
inline bool sole(const at::Tensor& t) { return t.use_count() == 1 && t.storage().use_count() == 1; }

// Whether only this node refers to the memory of the gradient g. If g and gy are one
// tensor, both names count as references.
inline bool sole_gradient(const at::Tensor& gy, const at::Tensor& g) {
  return g.is_same(gy) ? g.use_count() == 2 && g.storage().use_count() == 1 : sole(g);
}

// Whether the kernels compute on this device: a GPU, or the CPU while they are emulated.
bool by_kernels(c10::Device device);

// What cl_norm_takes answers for a tensor of such a device.
int kernels_take(const at::Tensor& x);

// cl_norm on such a device, with checked operands.
at::Tensor norm_by_kernels(const Operands& o);
