// Batch norm of a batch that is spread over the ranks (synchronized batch norm).
#include <ATen/core/grad_mode.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/var_mean.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/functions/utils.h>

#include "group.h"
#include "node.h"

namespace {

using at::Tensor;
using torch::autograd::variable_list;

// All dimensions but that of channels.
std::vector<int64_t> others(const Tensor& x) {
  std::vector<int64_t> dims;
  for (int64_t d = 0; d < x.dim(); d++)
    if (d != 1) dims.push_back(d);
  return dims;
}

// A vector of channels in x's shape and type of computation.
Tensor along(const Tensor& channels, const Tensor& x) {
  std::vector<int64_t> shape(x.dim(), 1);
  shape[1] = channels.size(0);
  return channels.to(x.scalar_type()).view(shape);
}

// 16 bits are computed in 32.
Tensor wide(const Tensor& x) { return x.scalar_type() == at::kDouble ? x : x.to(at::kFloat); }

void sum(const shim::GroupPointer& group, Tensor& t) {
  std::vector<Tensor> list{t};
  group->allreduce(list)->wait();
}

// Of all ranks, per channel in double precision.
struct Statistics {
  Tensor mean, variance;
  double count;
};

Statistics statistics(const shim::GroupPointer& group, const Tensor& x) {
  const int64_t channels = x.size(1);
  const double own = static_cast<double>(x.numel()) / static_cast<double>(channels);
  Tensor sums = at::zeros({2 * channels + 1}, x.options().dtype(at::kDouble));
  if (own > 0) {
    const auto [variance, mean] = at::var_mean(x, others(x), /*unbiased=*/false);
    const Tensor m = mean.to(at::kDouble);
    const Tensor n = at::full({1}, own, sums.options());
    sums.copy_(at::cat({m * n, (variance.to(at::kDouble) + m * m) * n, n}));
  }
  sum(group, sums);
  const double count = sums[2 * channels].item<double>();
  const Tensor mean = sums.narrow(0, 0, channels) / count;
  return {mean, (sums.narrow(0, channels, channels) / count - mean * mean).clamp_min(0), count};
}

struct SyncNormBackward : torch::autograd::Node {
  shim::GroupPointer group;
  Tensor x, weight, mean, inverse; // inverse is 1/√(variance + ε)
  double count = 0;

  std::string name() const override { return "SyncNormBackward"; }

  void release_variables() override {
    std::lock_guard<std::mutex> lock(mutex_);
    x.reset();
  }

  // With x̂ = (x - mean)·inverse and means over the whole batch:
  // ∂x = weight·inverse·(∂y - mean(∂y) - x̂·mean(∂y·x̂)).
  variable_list apply(variable_list&& above) override {
    std::lock_guard<std::mutex> lock(mutex_);
    TORCH_CHECK(!at::GradMode::is_enabled(), "synchronized batch norm: there is no second derivative");
    TORCH_CHECK(x.defined(), "synchronized batch norm: the first backward pass released the graph");
    const Tensor in = wide(x);
    const Tensor dy = above[0].defined() ? wide(above[0]) : at::zeros_like(in);
    const Tensor normal = (in - along(mean, in)) * along(inverse, in);
    const std::vector<int64_t> dims = others(in);
    const Tensor own =
        at::stack({at::sum(dy, dims, false, at::kDouble), at::sum(dy * normal, dims, false, at::kDouble)});
    Tensor whole = own.clone();
    sum(group, whole);
    whole /= count;
    const Tensor dx =
        along(weight.to(at::kDouble) * inverse, in) * (dy - along(whole[0], in) - normal * along(whole[1], in));
    return {dx.to(x.scalar_type()), own[1].to(weight.scalar_type()), own[0].to(weight.scalar_type())};
  }
};

Tensor normalize(const shim::GroupPointer& group, const Tensor& x, const Tensor& weight, const Tensor& bias,
                 const Tensor& running_mean, const Tensor& running_variance, double momentum, double eps) {
  TORCH_CHECK(x.dim() >= 2, "want [N, C, ...], got ", x.dim(), " dimensions");
  Statistics s;
  Tensor inverse;
  {
    c10::InferenceMode inference(false);
    at::NoGradGuard no_grad;
    s = statistics(group, wide(x.detach()));
    TORCH_CHECK(s.count > 1, "want more than one value per channel in training, got ", s.count);
    inverse = at::rsqrt(s.variance + eps);
  }
  Tensor y;
  {
    at::NoGradGuard no_grad;
    if (running_mean.defined()) {
      running_mean.mul_(1 - momentum).add_(s.mean, momentum);
      running_variance.mul_(1 - momentum).add_(s.variance * (s.count / (s.count - 1)), momentum);
    }
    const Tensor in = wide(x);
    y = at::addcmul(along(bias, in), in - along(s.mean, in), along(weight.to(at::kDouble) * inverse, in))
            .to(x.scalar_type());
  }
  if (torch::autograd::compute_requires_grad(x, weight, bias)) {
    auto* node = new SyncNormBackward();
    const shim::NodePointer owner = shim::owned(node);
    node->set_next_edges(torch::autograd::collect_next_edges(x, weight, bias));
    node->group = group;
    node->x = x.detach();
    node->weight = weight.detach();
    node->mean = s.mean;
    node->inverse = inverse;
    node->count = s.count;
    torch::autograd::set_history(y, owner);
  }
  return y;
}

} // namespace

extern "C" cl_tensor_result cl_group_norm(cl_group g, cl_tensor x, cl_tensor weight, cl_tensor bias, cl_tensor mean,
                                          cl_tensor variance, double momentum, double eps) {
  cl_tensor_result out{nullptr, nullptr};
  CL_TRY(out.err,
         out.t = shim::own(normalize(shim::group(g).group, shim::borrow(x), shim::borrow(weight), shim::borrow(bias),
                                     shim::borrow(mean), shim::borrow(variance), momentum, eps)));
  return out;
}
