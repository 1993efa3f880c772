#include "norm.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include <cmath>

#include "device.h"
#include "internal.h"
#include "statistics.h"

namespace {

using shim::data;
using torch::autograd::variable_list;

// Whether the tensor is laid out as the kernels want it.
bool laid_out(const at::Tensor& x) {
  return (x.dim() == 2 || x.dim() == 4) && x.numel() > 0 && x.is_contiguous(format(x));
}

int takes(const at::Tensor& x) {
  if (!laid_out(x)) return CL_NORM_NO;
  if (by_kernels(x.device())) return kernels_take(x);
  return x.device().is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
}

// Group i of the `groups` groups of images in x.
Layout group(const at::Tensor& x, int64_t groups, int64_t i) {
  const int64_t images = x.size(0), image = x.numel() / images;
  const int64_t first = images * i / groups, end = images * (i + 1) / groups;
  return Layout(first * image, (end - first) * image, x.size(1));
}

// Batch norm as an affine map of each channel: y = a·(x - mean) + b with
// a = weight · inverse, inverse = 1/sqrt(variance + eps). `rest` is the rounding error of
// the mean in single precision; b corrects for it.
struct Affine {
  std::vector<double> inverse, rest;
  std::vector<float> mean, a, b;
};

template <typename T>
void batch_moments(const at::Tensor& x, const Layout& l, std::vector<double>& mean, std::vector<double>& variance) {
  // Sums differences from the first row, because the squares of x itself may be far
  // larger than its variance.
  const T* elements = data<T>(x);
  std::vector<float> first(l.channels);
  for (int64_t c = 0; c < l.channels; c++) {
    if constexpr (std::is_same<T, float>::value) first[c] = elements[l.first + c];
    else first[c] = static_cast<float>(c10::BFloat16(elements[l.first + c].bits, c10::BFloat16::from_bits()));
  }
  const std::vector<float> shift = l.widen(first);
  l.sums([&](int64_t from, int64_t count, float* s,
             float* q) { passes<T>().moments(elements + from, count, l.width, shift.data(), s, q); },
         mean, variance);
  const double m = static_cast<double>(l.n / l.channels);
  for (int64_t c = 0; c < l.channels; c++) {
    const double difference = mean[c] / m;
    mean[c] = first[c] + difference;
    variance[c] = variance[c] / m - difference * difference;
    if (variance[c] < 0) variance[c] = 0; // NaN stays
  }
}

// Writes y, updates the running statistics and returns the map of each group.
template <typename T>
std::vector<Affine> forward(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                            const at::Tensor& running_mean, const at::Tensor& running_variance,
                            const at::Tensor& residual, bool training, int64_t groups, double momentum, double eps,
                            bool relu, const at::Tensor& y) {
  const int64_t channels = x.size(1);
  float *rm = data<float>(running_mean), *rv = data<float>(running_variance);
  const float *w = data<float>(weight), *shift = data<float>(bias);
  const T *from = data<T>(x), *add = data<T>(residual);
  T* to = data<T>(y);
  std::vector<Affine> maps(groups);
  std::vector<double> mean, variance, means(channels), variances(channels); // of one group; mean over the groups
  for (int64_t g = 0; g < groups; g++) {
    const Layout l = group(x, groups, g);
    if (training) {
      batch_moments<T>(x, l, mean, variance);
      const double m = static_cast<double>(l.n / channels);
      for (int64_t c = 0; c < channels; c++) {
        means[c] += mean[c] / groups;
        variances[c] += variance[c] * m / (m - 1) / groups;
      }
    } else {
      mean.assign(rm, rm + channels);
      variance.assign(rv, rv + channels);
    }
    Affine& f = maps[g];
    for (int64_t c = 0; c < channels; c++) {
      f.inverse.push_back(1 / std::sqrt(variance[c] + eps));
      f.mean.push_back(static_cast<float>(mean[c]));
      f.rest.push_back(mean[c] - f.mean[c]);
      f.a.push_back(static_cast<float>(w[c] * f.inverse[c]));
      f.b.push_back(static_cast<float>(shift[c] - f.rest[c] * w[c] * f.inverse[c]));
    }
    const std::vector<float> m = l.widen(f.mean), a = l.widen(f.a), b = l.widen(f.b);
    l.blocks([&](int64_t, int64_t i, int64_t count) {
      passes<T>().apply(from + i, add ? add + i : nullptr, count, l.width, m.data(), a.data(), b.data(), relu, to + i);
    });
  }
  for (int64_t c = 0; training && rm && rv && c < channels; c++) {
    rm[c] = static_cast<float>(momentum * means[c] + (1 - momentum) * rm[c]);
    rv[c] = static_cast<float>(momentum * variances[c] + (1 - momentum) * rv[c]);
  }
  return maps;
}

struct NormBackward : NormNode {
  std::vector<Affine> maps; // one per group

  std::string name() const override { return "NormBackward"; }

  void derive(at::Tensor gy, at::Tensor input, const at::Tensor& result, variable_list& gradients) override {
    if (input.scalar_type() == at::kFloat) run<float>(std::move(gy), std::move(input), result, gradients);
    else run<Bfloat16>(std::move(gy), std::move(input), result, gradients);
  }

  template <typename T> void run(at::Tensor gy, at::Tensor input, const at::Tensor& result, variable_list& gradients) {
    gy = gy.contiguous(format(input));
    const int64_t channels = input.size(1);
    const Mask mask = !relu ? Mask::none : residual ? Mask::result : Mask::argument;
    // g is the gradient under ReLU's mask. It belongs to the sum, and so to the residual.
    const at::Tensor g = mask != Mask::result || sole(gy) ? gy : at::empty_like(gy);
    const bool shortcut = residual && task_should_compute_output(3);
    at::Tensor gx;
    if (task_should_compute_output(0)) {
      if (!shortcut && sole_gradient(gy, g)) gx = g;
      else if (last && sole(input)) gx = input;
      else gx = at::empty_like(input);
    }
    std::vector<double> weight(channels), bias(channels);
    for (size_t i = 0; i < maps.size(); i++)
      differentiate<T>(maps[i], group(input, maps.size(), i), mask, gy, input, result, g, gx, weight, bias);

    const auto vector = [&](const std::vector<double>& values) {
      at::Tensor v = at::empty({channels}, at::kFloat);
      std::copy(values.begin(), values.end(), data<float>(v));
      return v;
    };
    if (task_should_compute_output(1)) gradients[1] = vector(weight);
    if (task_should_compute_output(2)) gradients[2] = vector(bias);
    gradients[0] = gx;
    if (shortcut) gradients[3] = g;
  }

  // Writes a group's rows of gx, unless gx is undefined, and adds to the gradients of
  // weight and bias.
  template <typename T>
  void differentiate(const Affine& f, const Layout& l, Mask mask, const at::Tensor& gy, const at::Tensor& input,
                     const at::Tensor& result, const at::Tensor& g, const at::Tensor& gx, std::vector<double>& weight,
                     std::vector<double>& bias) const {
    const std::vector<float> mean = l.widen(f.mean), a = l.widen(f.a), b = l.widen(f.b);
    std::vector<double> sum, products;
    l.sums(
        [&](int64_t i, int64_t count, float* s, float* p) {
          const bool by_result = mask == Mask::result;
          passes<T>().reduce(mask, data<T>(gy) + i, data<T>(input) + i, by_result ? data<T>(result) + i : nullptr,
                             count, l.width, mean.data(), a.data(), b.data(), s, p,
                             by_result ? data<T>(g) + i : nullptr);
        },
        sum, products);
    for (int64_t c = 0; c < l.channels; c++) {
      products[c] -= f.rest[c] * sum[c];
      weight[c] += products[c] * f.inverse[c];
      bias[c] += sum[c];
    }
    if (!gx.defined()) return;
    // With statistics of the batch, gx = a (g - mean(g) - x̂ mean(g·x̂)).
    std::vector<double> c(l.channels), d(l.channels);
    const double m = static_cast<double>(l.n / l.channels);
    for (int64_t i = 0; training && i < l.channels; i++) {
      d[i] = f.inverse[i] * f.inverse[i] * products[i] / m;
      c[i] = sum[i] / m - d[i] * f.rest[i];
    }
    const std::vector<float> wide_c = l.widen(c), wide_d = l.widen(d);
    const T *from = data<T>(g), *at_x = data<T>(input);
    T* to = data<T>(gx);
    l.blocks([&](int64_t, int64_t i, int64_t count) {
      passes<T>().gradient(mask, from + i, at_x + i, count, l.width, mean.data(), a.data(), b.data(), wide_c.data(),
                           wide_d.data(), to + i);
    });
  }
};

at::Tensor norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& mean,
                const at::Tensor& variance, at::Tensor residual, bool training, int64_t groups, double momentum,
                double eps, bool relu) {
  TORCH_CHECK(takes(x) == CL_NORM_YES, "want a tensor that cl_norm_takes accepts, got ", x.scalar_type(), x.sizes(),
              " with strides ", x.strides(), " on ", x.device());
  TORCH_CHECK(training ? groups > 0 : groups == 1, "want one group, or more in training, got ", groups);
  TORCH_CHECK(!training || x.size(0) / groups * (x.numel() / x.size(0)) > x.size(1),
              "Expected more than 1 value per channel when training, got input size ", x.sizes(), " in ", groups,
              " groups");
  for (const at::Tensor* t : {&weight, &bias, &mean, &variance})
    TORCH_CHECK(!t->defined() ? training
                              : t->scalar_type() == at::kFloat && t->dim() == 1 && t->size(0) == x.size(1) &&
                                    t->is_contiguous() && t->device() == x.device(),
                "want float32 [", x.size(1), "] on ", x.device(), " for weight, bias and the running statistics");
  if (residual.defined()) {
    TORCH_CHECK(
        residual.sizes() == x.sizes() && residual.scalar_type() == x.scalar_type() && residual.device() == x.device(),
        "want a residual ", x.scalar_type(), x.sizes(), " on ", x.device(), ", got ", residual.scalar_type(),
        residual.sizes(), " on ", residual.device());
    residual = residual.contiguous(format(x));
  }
  const Operands operands{x, weight, bias, mean, variance, residual, training, groups, momentum, eps, relu};
  if (by_kernels(x.device())) return norm_by_kernels(operands);
  const bool record = torch::autograd::compute_requires_grad(x, weight, bias, residual);
  at::Tensor y;
  std::vector<Affine> maps;
  {
    at::NoGradGuard guard;
    y = record || x.requires_grad() ? at::empty_like(x) : x; // with the strides of x in both cases
    maps = x.scalar_type() == at::kFloat
               ? forward<float>(x, weight, bias, mean, variance, residual, training, groups, momentum, eps, relu, y)
               : forward<Bfloat16>(x, weight, bias, mean, variance, residual, training, groups, momentum, eps, relu, y);
  }
  if (!record) return y;
  auto* node = new NormBackward();
  node->maps = std::move(maps);
  record_norm(node, operands, y);
  return y;
}

} // namespace

extern "C" int cl_norm_takes(cl_tensor x) { return takes(shim::borrow(x)); }

extern "C" cl_tensor_result cl_norm(cl_tensor x, cl_tensor weight, cl_tensor bias, cl_tensor mean, cl_tensor variance,
                                    cl_tensor residual, int training, int groups, double momentum, double eps,
                                    int relu) {
  cl_tensor_result out{nullptr, nullptr};
  CL_TRY(out.err, out.t = shim::own(norm(shim::borrow(x), shim::borrow(weight), shim::borrow(bias), shim::borrow(mean),
                                         shim::borrow(variance), shim::borrow(residual), training != 0, groups,
                                         momentum, eps, relu != 0)));
  return out;
}
