// A function with a gradient that was computed by hand.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/mul.h>
#include <torch/csrc/autograd/functions/utils.h>

#include "internal.h"
#include "node.h"

namespace {

using torch::autograd::Node;
using torch::autograd::variable_list;

// It holds the gradients of its inputs; the incoming gradient scales them.
struct CustomBackward : Node {
  variable_list gradients; // one per input; undefined where none is needed

  std::string name() const override { return "CustomBackward"; }

  void release_variables() override {
    std::lock_guard<std::mutex> lock(mutex_);
    gradients.clear();
  }

  variable_list apply(variable_list&& above) override {
    std::lock_guard<std::mutex> lock(mutex_);
    TORCH_CHECK(!at::GradMode::is_enabled(), "custom gradient: there is no second derivative");
    variable_list result(next_edges().size());
    if (!above[0].defined()) return result;
    TORCH_CHECK(gradients.size() == result.size(), "custom gradient: the first backward pass released the graph");
    for (size_t i = 0; i < result.size(); i++)
      if (task_should_compute_output(i)) result[i] = at::mul(gradients[i], above[0]);
    return result;
  }
};

// It casts the gradient of a copy to the type of its original.
struct CastBackward : Node {
  at::ScalarType type;

  explicit CastBackward(at::ScalarType to) : type(to) {}
  std::string name() const override { return "CastBackward"; }
  variable_list apply(variable_list&& above) override { return {above[0].defined() ? above[0].to(type) : above[0]}; }
};

} // namespace

extern "C" cl_tensor_result cl_cast_of(cl_tensor t, cl_tensor copy) {
  cl_tensor_result out{nullptr, nullptr};
  CL_TRY(out.err, {
    at::Tensor x = shim::borrow(t);
    at::Tensor y = shim::borrow(copy).detach();
    if (torch::autograd::compute_requires_grad(x)) {
      const shim::NodePointer owner = shim::owned(new CastBackward(x.scalar_type()));
      owner->set_next_edges(torch::autograd::collect_next_edges(x));
      torch::autograd::set_history(y, owner);
    }
    out.t = shim::own(y);
  });
  return out;
}

extern "C" cl_tensor_result cl_custom_grad(cl_tensor value, int count, const cl_tensor* inputs,
                                           const cl_tensor* gradients) {
  cl_tensor_result out{nullptr, nullptr};
  CL_TRY(out.err, {
    at::Tensor y = shim::borrow(value).detach();
    variable_list from;
    for (int i = 0; i < count; i++) from.push_back(shim::borrow(inputs[i]));
    if (torch::autograd::compute_requires_grad(from)) {
      auto* node = new CustomBackward();
      const shim::NodePointer owner = shim::owned(node);
      node->set_next_edges(torch::autograd::collect_next_edges(from));
      for (int i = 0; i < count; i++) node->gradients.push_back(shim::borrow(gradients[i]).detach());
      torch::autograd::set_history(y, owner);
    }
    out.t = shim::own(y);
  });
  return out;
}
