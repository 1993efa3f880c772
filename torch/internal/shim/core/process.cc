// State of the process: threads, versions, autocast, generators, memory.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/autocast_mode.h>
#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <c10/util/Exception.h>

#include <atomic>

#include "internal.h"
#include "version.h"

namespace {

// Counts the bytes that the CPU allocator hands out. The size of a block is stored in
// front of it, because some kernels (oneDNN's scratchpads) require a block's context to
// be its address.
struct CountingAllocator final : c10::Allocator {
  static constexpr size_t header = 64; // keeps the alignment
  mutable std::atomic<int64_t> now{0};
  mutable std::atomic<int64_t> peak{0};

  static CountingAllocator& instance() {
    static CountingAllocator it;
    return it;
  }

  static void release(void* block) {
    if (!block) return;
    auto* base = static_cast<char*>(block) - header;
    instance().now -= *reinterpret_cast<int64_t*>(base);
    c10::free_cpu(base);
  }

#if AT_LEAST(2, 3)
  c10::DataPtr allocate(size_t bytes) override {
#else
  c10::DataPtr allocate(size_t bytes) const override {
#endif
    if (bytes == 0) return {nullptr, nullptr, &release, c10::Device(c10::kCPU)};
    auto* base = static_cast<char*>(c10::alloc_cpu(bytes + header));
    *reinterpret_cast<int64_t*>(base) = static_cast<int64_t>(bytes);
    int64_t total = now += static_cast<int64_t>(bytes);
    int64_t top = peak;
    while (total > top && !peak.compare_exchange_weak(top, total)) {
    }
    return {base + header, base + header, &release, c10::Device(c10::kCPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &release; }

#if AT_LEAST(2, 3)
  void copy_data(void* to, const void* from, std::size_t bytes) const override { default_copy_data(to, from, bytes); }
#endif
};

at::Generator& generator(void* g) { return *static_cast<at::Generator*>(g); }

} // namespace

extern "C" void cl_autocast_begin(int device, int dtype) {
  auto type = static_cast<at::ScalarType>(dtype);
#if AT_LEAST(2, 4)
  auto kind = device < 0 ? at::kCPU : at::kCUDA;
  at::autocast::set_autocast_dtype(kind, type);
  at::autocast::set_autocast_enabled(kind, true);
#else
  if (device < 0) {
    at::autocast::set_autocast_cpu_dtype(type);
    at::autocast::set_cpu_enabled(true);
  } else {
    at::autocast::set_autocast_gpu_dtype(type);
    at::autocast::set_enabled(true);
  }
#endif
  at::autocast::increment_nesting();
}

extern "C" void cl_autocast_end(int device) {
#if AT_LEAST(2, 4)
  at::autocast::set_autocast_enabled(device < 0 ? at::kCPU : at::kCUDA, false);
#else
  if (device < 0) at::autocast::set_cpu_enabled(false);
  else at::autocast::set_enabled(false);
#endif
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
}

extern "C" void* cl_generator_new(uint64_t seed, int device, char** err) {
  *err = nullptr;
  CL_TRY(*err, {
    at::Generator g;
    if (device < 0) {
      g = at::detail::createCPUGenerator(seed);
    } else {
      g = at::globalContext().defaultGenerator(shim::device(device)).clone();
      g.set_current_seed(seed);
    }
    return new at::Generator(g);
  });
  return nullptr;
}

extern "C" void cl_generator_free(void* g) { delete &generator(g); }

extern "C" cl_tensor_result cl_generator_state(void* g) {
  cl_tensor_result out{nullptr, nullptr};
  CL_TRY(out.err, out.t = shim::own(generator(g).get_state()));
  return out;
}

extern "C" char* cl_generator_set_state(void* g, cl_tensor state) {
  char* err = nullptr;
  CL_TRY(err, generator(g).set_state(shim::borrow(state)));
  return err;
}

extern "C" char* cl_normal_(cl_tensor t, double mean, double std, void* g) {
  char* err = nullptr;
  CL_TRY(err, {
    at::NoGradGuard guard;
    shim::borrow(t).normal_(mean, std, generator(g));
  });
  return err;
}

extern "C" char* cl_uniform_(cl_tensor t, double low, double high, void* g) {
  char* err = nullptr;
  CL_TRY(err, {
    at::NoGradGuard guard;
    shim::borrow(t).uniform_(low, high, generator(g));
  });
  return err;
}

extern "C" const char* cl_version(void) { return TORCH_VERSION; }

extern "C" char* cl_loaded_version(void) {
#if AT_LEAST(2, 6)
  // show_config counts the GPUs, and libtorch warns once if there is no usable driver, which
  // CUDAState.Problem says better.
  struct : c10::WarningHandler {
    void process(const c10::Warning&) override {}
  } silent;
  const c10::WarningUtils::WarningHandlerGuard guard(&silent);
#endif
  const std::string key = "TORCH_VERSION=", text = at::show_config();
  const size_t at = text.find(key);
  if (at == std::string::npos) return strdup(TORCH_VERSION);
  const size_t start = at + key.size();
  return strdup(text.substr(start, text.find_first_of(", \n", start) - start).c_str());
}

extern "C" int cl_version_number(void) {
  return TORCH_VERSION_MAJOR * 10000 + TORCH_VERSION_MINOR * 100 + TORCH_VERSION_PATCH;
}

extern "C" char* cl_config(void) {
  std::string text = at::show_config() + "\n" + at::get_parallel_info();
  return strdup(text.c_str());
}

extern "C" void cl_set_threads(int n) { at::set_num_threads(n); }
extern "C" int cl_get_threads(void) { return at::get_num_threads(); }

extern "C" void cl_track_memory(void) {
  c10::SetAllocator(c10::kCPU, &CountingAllocator::instance(), /*priority=*/100);
}

extern "C" int64_t cl_memory_now(void) { return CountingAllocator::instance().now; }
extern "C" int64_t cl_memory_peak(void) { return CountingAllocator::instance().peak; }

extern "C" void cl_memory_reset_peak(void) {
  auto& counting = CountingAllocator::instance();
  counting.peak = counting.now.load();
}
