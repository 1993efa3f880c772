// State of the process: threads, versions, autocast, generators.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/autocast_mode.h>
#include <c10/util/Exception.h>

#include "internal.h"
#include "version.h"

namespace {

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
