// Batch norm by the CUDA kernels of kernels.cu, and what it shares with the CPU's.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

#include <mutex>

#include "node.h"
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

// The derivative. The order of its inputs is x, weight, bias, residual.
struct NormNode : torch::autograd::Node {
  // y only with a residual and ReLU: x alone doesn't tell which elements ReLU kept.
  torch::autograd::SavedVariable x, y;
  bool training, relu, residual;
  bool last = false; // whether this is the last backward pass, so that x may be overwritten

  // Computes the gradients from that of y. input and result are x and y.
  virtual void derive(at::Tensor gy, at::Tensor input, const at::Tensor& result,
                      torch::autograd::variable_list& gradients) = 0;

  torch::autograd::variable_list apply(torch::autograd::variable_list&& inputs) override {
    std::lock_guard<std::mutex> lock(mutex_);
    TORCH_CHECK(!at::GradMode::is_enabled(), "norm: there is no second derivative");
    torch::autograd::variable_list gradients(next_edges().size());
    at::Tensor gy = std::move(inputs[0]);
    if (!gy.defined()) return gradients;
    at::Tensor input = x.unpack(), result = y.unpack(shim::itself(this));
    if (last) x.reset_data();
    derive(std::move(gy), std::move(input), result, gradients);
    return gradients;
  }

  void release_variables() override {
    std::lock_guard<std::mutex> lock(mutex_);
    x.reset_data();
    y.reset_data();
    release_maps();
  }

  virtual void release_maps() {} // drops what else is large

  void will_release_variables() override { last = true; }
};

// Makes y the result of the operands whose derivative is node, which it takes over.
inline void record_norm(NormNode* node, const Operands& o, at::Tensor& y) {
  const shim::NodePointer owner = shim::owned(node);
  node->set_next_edges(torch::autograd::collect_next_edges(o.x, o.weight, o.bias, o.residual));
  node->training = o.training;
  node->relu = o.relu;
  node->residual = o.residual.defined();
  node->x = torch::autograd::SavedVariable(o.x, false);
  torch::autograd::set_history(y, owner);
  if (o.relu && o.residual.defined()) node->y = torch::autograd::SavedVariable(y, true);
}

// Whether the kernels compute on this device: a GPU, or the CPU while they are emulated.
bool by_kernels(c10::Device device);

// What cl_norm_takes answers for a tensor of such a device.
int kernels_take(const at::Tensor& x);

// cl_norm on such a device, with checked operands.
at::Tensor norm_by_kernels(const Operands& o);
