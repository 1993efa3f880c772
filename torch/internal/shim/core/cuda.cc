// GPUs, described by functions of the CUDA runtime. Their C interface is stable, so that
// they are found by name and no CUDA headers are needed.
#include <dlfcn.h>

#include <string>

#include "internal.h"

namespace {

constexpr int no_memory = 2;                    // cudaErrorMemoryAllocation
constexpr int capability_major = 75;            // cudaDevAttrComputeCapabilityMajor
constexpr int capability_minor = 76;            // cudaDevAttrComputeCapabilityMinor
constexpr size_t largest_properties = 16 << 10; // cudaDeviceProp, which grows with versions

// The function of the CUDA runtime with a name, or null. libtorch's CUDA backend depends
// on the runtime, so that it is there before main.
template <typename F> F* runtime(const char* name) { return reinterpret_cast<F*>(dlsym(RTLD_DEFAULT, name)); }

const char* text(int code) {
  auto* describe = runtime<const char*(int)>("cudaGetErrorString");
  return describe ? describe(code) : "unknown error";
}

// Forgets the error of the last call, which libtorch would take for one of its own.
void clear() {
  if (auto* last = runtime<int()>("cudaGetLastError")) last();
}

// Calls a function of the runtime; failures are exceptions.
template <typename... A> void call(const char* name, A... arguments) {
  auto* f = runtime<int(A...)>(name);
  TORCH_CHECK(f, "the CUDA runtime has no ", name);
  const int code = f(arguments...);
  if (code == 0) return;
  clear();
  const std::string what = std::string(name) + ": " + text(code);
  TORCH_CHECK_WITH(OutOfMemoryError, code != no_memory, what);
  TORCH_CHECK(false, what);
}

} // namespace

extern "C" cl_cuda_state cl_cuda(void) {
  cl_cuda_state s{};
  s.text = "";
  auto* count = runtime<int(int*)>("cudaGetDeviceCount");
  if (count == nullptr) return s;
  s.built = 1;
  s.code = count(&s.count);
  if (s.code != 0) {
    s.count = 0;
    s.text = text(s.code);
    clear();
  }
  if (auto* version = runtime<int(int*)>("cudaDriverGetVersion")) version(&s.driver);
  if (auto* version = runtime<int(int*)>("cudaRuntimeGetVersion")) version(&s.runtime);
  if (auto* version = runtime<size_t()>("cudnnGetVersion")) s.cudnn = static_cast<int>(version());
  if (void* nvml = dlopen("libnvidia-ml.so.1", RTLD_LAZY)) {
    s.nvml = 1;
    dlclose(nvml);
  }
  return s;
}

extern "C" char* cl_cuda_gpu(int index, cl_gpu* out) {
  char* err = nullptr;
  CL_TRY(err, {
    *out = cl_gpu{};
    int before = 0;
    call("cudaGetDevice", &before);
    // All versions of the properties begin with the name.
    std::string properties(largest_properties, '\0');
    call("cudaGetDeviceProperties", static_cast<void*>(&properties[0]), index);
    snprintf(out->name, sizeof out->name, "%s", properties.c_str());
    call("cudaDeviceGetPCIBusId", out->pci, static_cast<int>(sizeof out->pci), index);
    call("cudaDeviceGetAttribute", &out->major, capability_major, index);
    call("cudaDeviceGetAttribute", &out->minor, capability_minor, index);
    call("cudaSetDevice", index);
    size_t free = 0;
    size_t total = 0;
    try {
      call("cudaMemGetInfo", &free, &total);
    } catch (...) {
      call("cudaSetDevice", before);
      throw;
    }
    call("cudaSetDevice", before);
    out->free = static_cast<int64_t>(free);
    out->total = static_cast<int64_t>(total);
  });
  return err;
}
