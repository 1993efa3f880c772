#include "device.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <tuple>

#include "arguments.h"
#include "internal.h"

namespace {

using shim::data;
using torch::autograd::variable_list;

enum Kernel { moments, apply, reduce = apply + 4, gradient = reduce + 3 };
using Kernels = std::array<cl_kernel, CL_NORM_KERNELS>;

// Kernels by device, type and vector. An entry is never removed or changed.
std::map<std::tuple<int, int, int>, Kernels> loaded;
std::mutex loading;

const Kernels* kernels_for(const at::Tensor& x, int vector) {
  const int device = x.device().is_cpu() ? -1 : x.device().index();
  std::lock_guard<std::mutex> lock(loading);
  const auto found = loaded.find({device, static_cast<int>(x.scalar_type()), vector});
  return found == loaded.end() ? nullptr : &found->second;
}

int64_t lanes_for(int64_t channels, int vector) {
  // 128 bytes of a row, or more where elements are loaded one by one, and no more than a
  // power of two that holds all channels.
  int64_t lanes = 1;
  while (lanes * vector < channels && lanes < (vector == 1 ? 32 : 8)) lanes *= 2;
  return lanes;
}

int vector_for(const at::Tensor& x) {
  const int vector = static_cast<int>(16 / x.element_size());
  return x.size(1) % vector == 0 ? vector : 1;
}

bool aligned(const at::Tensor& t, int vector) {
  return vector == 1 || reinterpret_cast<uintptr_t>(t.data_ptr()) % 16 == 0;
}

// t in the order and the alignment that kernels want.
at::Tensor ready(const at::Tensor& t, at::MemoryFormat order, int vector) {
  if (!t.defined()) return t;
  at::Tensor there = t.contiguous(order);
  return aligned(there, vector) ? there : there.clone();
}

// How the rows of x are divided among blocks of threads.
struct Launch {
  const at::Tensor x;
  const Kernels& kernels;
  NormArguments p{};
  unsigned grid[3];

  Launch(const at::Tensor& x, int64_t groups, bool training) : x(x), kernels(*kernels_for(x, vector_for(x))) {
    p.x = x.data_ptr();
    p.images = x.size(0);
    p.pixels = x.numel() / x.size(0) / x.size(1);
    p.channels = static_cast<int>(x.size(1));
    p.groups = static_cast<int>(groups);
    p.training = training;
    const int vector = vector_for(x);
    p.lanes = static_cast<int>(lanes_for(p.channels, vector));
    const int64_t tile = p.lanes * vector, tiles = (p.channels + tile - 1) / tile;
    // Two blocks a multiprocessor, but a sum of at most as many parts as there are
    // multiprocessors, and at least 16 rows a thread.
    const int64_t processors = shim::multiprocessors(x.device());
    const int64_t rows = p.images * p.pixels / groups, at_once = NORM_THREADS / p.lanes;
    int64_t parts = (2 * processors + tiles * groups - 1) / (tiles * groups);
    parts = std::min({parts, processors, (rows + 16 * at_once - 1) / (16 * at_once)});
    p.parts = static_cast<int>(std::max<int64_t>(1, parts));
    grid[0] = static_cast<unsigned>(tiles);
    grid[1] = static_cast<unsigned>(p.parts);
    grid[2] = static_cast<unsigned>(groups);
  }

  at::Tensor floats(int64_t n) const { return at::empty({n}, x.options().dtype(at::kFloat)); }
  int64_t sums() const { return int64_t(p.groups) * p.parts * 2 * p.channels; }

  void operator()(int kernel) {
    void* arguments[] = {&p};
    shim::launch(x.device(), kernels[kernel], grid, NORM_THREADS, arguments);
  }
};

struct KernelNormBackward : NormNode {
  at::Tensor maps; // float32 [groups, NORM_MAP, C]
  int64_t groups;

  std::string name() const override { return "KernelNormBackward"; }

  void release_maps() override { maps.reset(); }

  void derive(at::Tensor gy, at::Tensor input, const at::Tensor& result, variable_list& gradients) override {
    gy = ready(gy, format(input), vector_for(input));
    const bool by_result = relu && residual, by_argument = relu && !residual;
    const bool shortcut = residual && task_should_compute_output(3);
    // g is the gradient under ReLU's mask. It belongs to the sum, and so to the residual.
    const at::Tensor g = !by_result || sole(gy) ? gy : at::empty_like(gy);
    at::Tensor gx;
    if (task_should_compute_output(0)) {
      if (!shortcut && sole_gradient(gy, g)) gx = g;
      else if (last && sole(input)) gx = input;
      else gx = at::empty_like(input);
    }
    Launch launch(input, groups, training);
    if (task_should_compute_output(1)) gradients[1] = launch.floats(launch.p.channels);
    if (task_should_compute_output(2)) gradients[2] = launch.floats(launch.p.channels);
    const at::Tensor partial = launch.floats(launch.sums());
    launch.p.gy = gy.data_ptr();
    launch.p.g = g.data_ptr();
    launch.p.y = data<void>(result);
    launch.p.gx = data<void>(gx);
    launch.p.maps = data<float>(maps);
    launch.p.partial = data<float>(partial);
    launch.p.weight_gradient = data<float>(gradients[1]);
    launch.p.bias_gradient = data<float>(gradients[2]);
    launch(Kernel::reduce + (by_result ? 1 : by_argument ? 2 : 0));
    if (!gx.defined()) launch.grid[1] = launch.grid[2] = 1; // weight and bias come from the first blocks
    launch(Kernel::gradient + (by_argument ? 1 : 0));
    gradients[0] = gx;
    if (shortcut) gradients[3] = g;
  }
};

} // namespace

bool by_kernels(c10::Device device) { return device.is_cuda() || shim::emulates(device); }

int kernels_take(const at::Tensor& x) {
  const auto type = x.scalar_type();
  if (type != at::kFloat && type != at::kBFloat16 && type != at::kHalf) return CL_NORM_NO;
  const int vector = vector_for(x);
  if (!aligned(x, vector)) return CL_NORM_NO;
  return kernels_for(x, vector) ? CL_NORM_YES : CL_NORM_WANTS_KERNELS;
}

at::Tensor norm_by_kernels(const Operands& o) {
  const at::Tensor& x = o.x;
  const bool record = torch::autograd::compute_requires_grad(x, o.weight, o.bias, o.residual);
  at::Tensor y, maps;
  {
    at::NoGradGuard guard;
    y = record || x.requires_grad() ? at::empty_like(x) : x; // with the strides of x in both cases
    const at::Tensor residual = ready(o.residual, format(x), vector_for(x));
    Launch launch(x, o.groups, o.training);
    launch.p.y = y.data_ptr();
    launch.p.residual = data<void>(residual);
    launch.p.weight = data<float>(o.weight);
    launch.p.bias = data<float>(o.bias);
    launch.p.running_mean = data<float>(o.mean);
    launch.p.running_variance = data<float>(o.variance);
    launch.p.momentum = o.momentum;
    launch.p.eps = o.eps;
    if (record) maps = launch.floats(o.groups * NORM_MAP * launch.p.channels);
    launch.p.maps = data<float>(maps);
    at::Tensor scratch;
    if (o.training) {
      scratch = launch.floats(launch.sums() + o.groups * launch.p.channels);
      launch.p.partial = data<float>(scratch);
      launch.p.shift = launch.p.partial + launch.sums();
      launch(Kernel::moments);
    }
    launch(Kernel::apply + (o.relu ? 1 : 0) + (residual.defined() ? 2 : 0));
  }
  if (!record) return y;
  auto* node = new KernelNormBackward();
  node->groups = o.groups;
  node->maps = maps;
  record_norm(node, o, y);
  return y;
}

extern "C" int cl_norm_vector(cl_tensor x) { return vector_for(shim::borrow(x)); }

extern "C" void cl_norm_kernels(int device, int dtype, int vector, const cl_kernel* kernels) {
  std::lock_guard<std::mutex> lock(loading);
  Kernels& entry = loaded[{device, dtype, vector}];
  std::copy(kernels, kernels + CL_NORM_KERNELS, entry.begin());
}
