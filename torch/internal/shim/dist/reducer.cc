// Gradients averaged over the ranks by c10d's Reducer.
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/distributed/c10d/logger.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>

#include <limits>

#include "group.h"

namespace {

using Parameters = std::vector<at::Tensor>;
using Buckets = std::vector<std::vector<size_t>>;
using Names = std::unordered_map<size_t, std::string>;

constexpr int64_t kFirstBucket = 1 << 20, kBucket = 25 << 20; // bytes, as DistributedDataParallel has them

// The constructor has changed three times; the release that began each form is not written
// down anywhere. R is a parameter so that only the form that exists is compiled.
template <typename R>
std::shared_ptr<R> make(const Parameters& p, const Buckets& b, const std::vector<size_t>& limits,
                        const shim::GroupPointer& g, const Names& names) {
  const std::vector<bool> sparse(p.size(), false);
  constexpr bool unused = false, view = false;
  if constexpr (std::is_constructible_v<R, Parameters, Buckets, std::vector<size_t>, shim::GroupPointer,
                                        std::vector<bool>, int64_t, bool, bool, Names, int64_t>)
    return std::make_shared<R>(p, b, limits, g, sparse, kBucket, unused, view, names, kFirstBucket); // until 2.7
  else if constexpr (std::is_constructible_v<R, Parameters, Buckets, shim::GroupPointer, std::vector<bool>, int64_t,
                                             bool, bool, Names, int64_t, bool, bool>)
    return std::make_shared<R>(p, b, g, sparse, kBucket, unused, view, names, kFirstBucket, false, false);
  else
    return std::make_shared<R>(p, b, g, sparse, kBucket, unused, view, names, kFirstBucket, false, false,
                               std::vector<int64_t>{});
}

struct Averager {
  Parameters parameters;
  std::shared_ptr<c10d::Reducer> reducer;
  std::shared_ptr<c10d::Logger> logger; // it alone tells the buckets

  void backward(Parameters roots, Parameters gradients) {
    if (roots.empty()) {
      // Adds zero to every gradient, which makes each of them ready.
      roots = parameters;
      for (const at::Tensor& p : parameters)
        gradients.push_back(at::zeros({}, p.options().requires_grad(false)).expand(p.sizes()));
    }
    reducer->prepare_for_forward();
    reducer->prepare_for_backward({});
    torch::autograd::backward(roots, gradients);
    finish();
  }

  // After the first pass, lays the buckets out anew, in the order in which gradients became
  // ready. After every pass, fails if a parameter got no gradient.
  void finish() {
    try {
      reducer->rebuild_buckets();
    } catch (const c10::Error& e) {
      if (std::string(e.what()).find("finished reduction") == std::string::npos) throw;
      std::string without;
      for (size_t i = 0; i < parameters.size(); i++)
        if (!parameters[i].grad().defined()) without += " " + std::to_string(i);
      TORCH_CHECK(false,
                  "a parameter got no gradient, so some gradients are not averaged; leave it out of the "
                  "Reducer; parameters without any gradient:",
                  without.empty() ? " none" : without);
    }
  }
};

Parameters list(int count, const cl_tensor* ts) {
  Parameters out;
  for (int i = 0; i < count; i++) out.push_back(shim::borrow(ts[i]));
  return out;
}

// The buckets of a process that has no layout yet, and the limits by which they were made.
std::tuple<Buckets, std::vector<size_t>> assign(const Parameters& parameters) {
  auto [buckets, limits] = c10d::compute_bucket_assignment_by_size(
      parameters, {static_cast<size_t>(kFirstBucket), static_cast<size_t>(kBucket)});
  // The last parameters get their gradients first.
  return {Buckets(buckets.rbegin(), buckets.rend()), std::vector<size_t>(limits.rbegin(), limits.rend())};
}

} // namespace

extern "C" char* cl_reducer_new(cl_group group, int count, const cl_tensor* ts, int buckets, const int64_t* lengths,
                                const int64_t* members, cl_reducer* out) {
  char* err = nullptr;
  CL_TRY(err, {
    const Parameters parameters = list(count, ts);
    const auto& g = shim::group(group).group;
    Buckets layout;
    std::vector<size_t> limits;
    for (int i = 0; i < buckets; i++) {
      layout.emplace_back(members, members + lengths[i]);
      members += lengths[i];
    }
    limits.assign(layout.size(), kBucket);
    if (layout.empty()) std::tie(layout, limits) = assign(parameters);
    Names names;
    for (int i = 0; i < count; i++) names[i] = std::to_string(i);
    auto made = std::make_unique<Averager>();
    made->parameters = parameters;
    made->reducer = make<c10d::Reducer>(parameters, layout, limits, g, names);
    made->logger = std::make_shared<c10d::Logger>(made->reducer);
    *out = made.release();
  });
  return err;
}

extern "C" void cl_reducer_free(cl_reducer r) { delete static_cast<Averager*>(r); }

extern "C" char* cl_reducer_backward(cl_reducer r, int count, const cl_tensor* roots, const cl_tensor* gradients) {
  char* err = nullptr;
  CL_TRY(err, {
    const shim::Quiet quiet; // it warns of layouts of gradients that are as they should be
    static_cast<Averager*>(r)->backward(list(count, roots), list(count, gradients));
  });
  return err;
}

extern "C" char* cl_reducer_layout(cl_reducer r, int* buckets, int64_t* lengths, int64_t* members) {
  char* err = nullptr;
  CL_TRY(err, {
    *buckets = 0;
    for (const auto& bucket : static_cast<Averager*>(r)->logger->get_per_bucket_variable_indices()) {
      lengths[(*buckets)++] = static_cast<int64_t>(bucket.size());
      for (const size_t index : bucket) *members++ = static_cast<int64_t>(index);
    }
  });
  return err;
}
