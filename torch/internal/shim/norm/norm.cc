#include "norm.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

#include <cmath>

#include "internal.h"
#include "statistics.h"

namespace {

using torch::autograd::Node;
using torch::autograd::SavedVariable;
using torch::autograd::variable_list;

at::MemoryFormat format(const at::Tensor& x) { return x.dim() == 4 ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous; }

bool takes(const at::Tensor& x) {
  return x.device().is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16) && (x.dim() == 2 || x.dim() == 4) &&
      x.numel() > 0 && x.is_contiguous(format(x));
}

template <typename T>
T* data(const at::Tensor& t) { return t.defined() ? static_cast<T*>(t.data_ptr()) : nullptr; }

// Whether nobody else can see t's memory.
bool sole(const at::Tensor& t) { return t.use_count() == 1 && t.storage().use_count() == 1; }

// The affine map that a batch norm is, for each channel: y = a·(x - mean) + b with
// a = weight · inverse, inverse = 1/sqrt(variance + eps). `rest` is what single
// precision cuts off the mean; b makes up for it.
struct Affine {
  std::vector<double> inverse, rest;
  std::vector<float> mean, a, b;
};

template <typename T>
void batch_moments(const at::Tensor& x, const Layout& l, std::vector<double>& mean, std::vector<double>& variance) {
  // Differences to the first row, since the squares of x itself may be far larger
  // than its variance.
  const T* elements = data<T>(x);
  std::vector<float> first(l.channels);
  for (int64_t c = 0; c < l.channels; c++) {
    if constexpr (std::is_same<T, float>::value) first[c] = elements[c];
    else first[c] = static_cast<float>(c10::BFloat16(elements[c].bits, c10::BFloat16::from_bits()));
  }
  const std::vector<float> shift = l.widen(first);
  l.sums([&](int64_t from, int64_t count, float* s, float* q) { passes<T>().moments(elements + from, count, l.width, shift.data(), s, q); }, mean, variance);
  const double m = static_cast<double>(l.n / l.channels);
  for (int64_t c = 0; c < l.channels; c++) {
    const double difference = mean[c] / m;
    mean[c] = first[c] + difference;
    variance[c] = variance[c] / m - difference * difference;
    if (variance[c] < 0) variance[c] = 0; // NaN stays
  }
}

template <typename T>
Affine forward(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& running_mean, const at::Tensor& running_variance, const at::Tensor& residual, bool training, double momentum, double eps, bool relu, const at::Tensor& y) {
  const Layout l(x.numel(), x.size(1));
  float *rm = data<float>(running_mean), *rv = data<float>(running_variance);
  std::vector<double> mean, variance;
  if (training) {
    batch_moments<T>(x, l, mean, variance);
    const double m = static_cast<double>(l.n / l.channels);
    for (int64_t c = 0; rm && rv && c < l.channels; c++) {
      rm[c] = static_cast<float>(momentum * mean[c] + (1 - momentum) * rm[c]);
      rv[c] = static_cast<float>(momentum * variance[c] * m / (m - 1) + (1 - momentum) * rv[c]);
    }
  } else {
    mean.assign(rm, rm + l.channels);
    variance.assign(rv, rv + l.channels);
  }
  Affine f;
  const float *w = data<float>(weight), *shift = data<float>(bias);
  for (int64_t c = 0; c < l.channels; c++) {
    f.inverse.push_back(1 / std::sqrt(variance[c] + eps));
    f.mean.push_back(static_cast<float>(mean[c]));
    f.rest.push_back(mean[c] - f.mean[c]);
    f.a.push_back(static_cast<float>(w[c] * f.inverse[c]));
    f.b.push_back(static_cast<float>(shift[c] - f.rest[c] * w[c] * f.inverse[c]));
  }
  const std::vector<float> m = l.widen(f.mean), a = l.widen(f.a), b = l.widen(f.b);
  const T *from = data<T>(x), *add = data<T>(residual);
  T* to = data<T>(y);
  l.blocks([&](int64_t, int64_t i, int64_t count) { passes<T>().apply(from + i, add ? add + i : nullptr, count, l.width, m.data(), a.data(), b.data(), relu, to + i); });
  return f;
}

// The derivative. Its inputs' order is x, weight, bias and the residual.
struct NormBackward : Node {
  SavedVariable x, y; // y only where the residual hides which elements ReLU let through
  Affine affine;
  bool training, relu, residual;
  bool last = false; // whether nobody will ask again, so that x may be overwritten

  std::string name() const override { return "NormBackward"; }

  void release_variables() override {
    std::lock_guard<std::mutex> lock(mutex_);
    x.reset_data();
    y.reset_data();
  }

  void will_release_variables() override { last = true; }

  variable_list apply(variable_list&& inputs) override {
    std::lock_guard<std::mutex> lock(mutex_);
    TORCH_CHECK(!at::GradMode::is_enabled(), "norm: the derivative of the derivative is not there");
    variable_list gradients(next_edges().size());
    at::Tensor gy = std::move(inputs[0]);
    if (!gy.defined()) return gradients;
    at::Tensor input = x.unpack(), result = y.unpack(shared_from_this());
    if (last) x.reset_data();
    if (input.scalar_type() == at::kFloat) run<float>(std::move(gy), std::move(input), result, gradients);
    else run<Bfloat16>(std::move(gy), std::move(input), result, gradients);
    return gradients;
  }

  template <typename T>
  void run(at::Tensor gy, at::Tensor input, const at::Tensor& result, variable_list& gradients) {
    gy = gy.contiguous(format(input));
    const Layout l(input.numel(), input.size(1));
    const Mask mask = !relu ? Mask::none : residual ? Mask::result : Mask::argument;
    // g is the gradient under ReLU's mask: of the sum, so of the residual too.
    const at::Tensor g = mask != Mask::result || sole(gy) ? gy : at::empty_like(gy);
    const std::vector<float> mean = l.widen(affine.mean), a = l.widen(affine.a), b = l.widen(affine.b);
    std::vector<double> sum, products;
    l.sums(
        [&](int64_t i, int64_t count, float* s, float* p) {
          const bool by_result = mask == Mask::result;
          passes<T>().reduce(mask, data<T>(gy) + i, data<T>(input) + i, by_result ? data<T>(result) + i : nullptr, count, l.width, mean.data(), a.data(), b.data(), s, p, by_result ? data<T>(g) + i : nullptr);
        },
        sum, products);
    for (int64_t c = 0; c < l.channels; c++) products[c] -= affine.rest[c] * sum[c];

    const auto vector = at::TensorOptions().dtype(at::kFloat);
    if (task_should_compute_output(1)) {
      gradients[1] = at::empty({l.channels}, vector);
      for (int64_t c = 0; c < l.channels; c++) data<float>(gradients[1])[c] = static_cast<float>(products[c] * affine.inverse[c]);
    }
    if (task_should_compute_output(2)) {
      gradients[2] = at::empty({l.channels}, vector);
      std::copy(sum.begin(), sum.end(), data<float>(gradients[2]));
    }
    const bool shortcut = residual && task_should_compute_output(3);
    if (task_should_compute_output(0)) {
      // With the batch's statistics gx = a (g - mean(g) - x̂ mean(g·x̂)).
      std::vector<double> c(l.channels), d(l.channels);
      const double m = static_cast<double>(l.n / l.channels);
      for (int64_t i = 0; training && i < l.channels; i++) {
        d[i] = affine.inverse[i] * affine.inverse[i] * products[i] / m;
        c[i] = sum[i] / m - d[i] * affine.rest[i];
      }
      const std::vector<float> wide_c = l.widen(c), wide_d = l.widen(d);
      const T *from = data<T>(g), *at_x = data<T>(input);
      at::Tensor gx;
      if (!shortcut && sole_gradient(gy, g)) gx = g;
      else if (last && sole(input)) gx = input;
      else gx = at::empty_like(input);
      T* to = data<T>(gx);
      l.blocks([&](int64_t, int64_t i, int64_t count) { passes<T>().gradient(mask, from + i, at_x + i, count, l.width, mean.data(), a.data(), b.data(), wide_c.data(), wide_d.data(), to + i); });
      gradients[0] = gx;
    }
    if (shortcut) gradients[3] = g;
  }

  // Whether g's memory is this node's alone: its own, or that of a gy which nobody
  // else holds. When they are one tensor both names count.
  static bool sole_gradient(const at::Tensor& gy, const at::Tensor& g) {
    return g.is_same(gy) ? g.use_count() == 2 && g.storage().use_count() == 1 : sole(g);
  }
};

at::Tensor norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& mean, const at::Tensor& variance, at::Tensor residual, bool training, double momentum, double eps, bool relu) {
  TORCH_CHECK(takes(x), "want float32 or bfloat16 in channels-last order on the CPU, got ", x.scalar_type(), x.sizes(), " with strides ", x.strides());
  TORCH_CHECK(!training || x.numel() > x.size(1), "Expected more than 1 value per channel when training, got input size ", x.sizes());
  for (const at::Tensor* t : {&weight, &bias, &mean, &variance})
    TORCH_CHECK(!t->defined() ? training : t->scalar_type() == at::kFloat && t->dim() == 1 && t->size(0) == x.size(1) && t->is_contiguous(), "want float32 [", x.size(1), "] for weight, bias and the running statistics");
  if (residual.defined()) {
    TORCH_CHECK(residual.sizes() == x.sizes() && residual.scalar_type() == x.scalar_type(), "want a residual ", x.scalar_type(), x.sizes(), ", got ", residual.scalar_type(), residual.sizes());
    residual = residual.contiguous(format(x));
  }
  const bool record = torch::autograd::compute_requires_grad(x, weight, bias, residual);
  at::Tensor y;
  Affine affine;
  {
    at::NoGradGuard guard;
    y = record || x.requires_grad() ? at::empty_like(x) : x; // with x's strides either way, so that what follows is the same code
    affine = x.scalar_type() == at::kFloat ? forward<float>(x, weight, bias, mean, variance, residual, training, momentum, eps, relu, y)
                                           : forward<Bfloat16>(x, weight, bias, mean, variance, residual, training, momentum, eps, relu, y);
  }
  if (!record) return y;
  std::shared_ptr<NormBackward> node(new NormBackward(), torch::autograd::deleteNode);
  node->set_next_edges(torch::autograd::collect_next_edges(x, weight, bias, residual));
  node->training = training;
  node->relu = relu;
  node->residual = residual.defined();
  node->affine = std::move(affine);
  node->x = SavedVariable(x, false);
  torch::autograd::set_history(y, node);
  if (relu && residual.defined()) node->y = SavedVariable(y, true);
  return y;
}

} // namespace

extern "C" int cl_norm_takes(cl_tensor x) { return takes(shim::borrow(x)); }

extern "C" cl_tensor_result cl_norm(cl_tensor x, cl_tensor weight, cl_tensor bias, cl_tensor mean, cl_tensor variance, cl_tensor residual, int training, double momentum, double eps, int relu) {
  cl_tensor_result out{nullptr, nullptr};
  CL_TRY(out.err, out.t = shim::own(norm(shim::borrow(x), shim::borrow(weight), shim::borrow(bias), shim::borrow(mean), shim::borrow(variance), shim::borrow(residual), training != 0, momentum, eps, relu != 0)));
  return out;
}
