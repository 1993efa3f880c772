#include "launch.h"

#include <c10/core/DeviceGuard.h>
#include <c10/core/Stream.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>

#include "internal.h"
#include "version.h"

namespace {

// The functions of CUDA's driver. Their interface does not change between versions: new
// forms get new names.
struct Driver {
  int (*init)(unsigned);
  int (*device)(int*, int);
  int (*attribute)(int*, int, int);
  int (*retain)(void**, int);
  int (*context)(void**);
  int (*set_context)(void*);
  int (*load)(void**, const void*);
  int (*function)(void**, void*, const char*);
  int (*launch)(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void*, void**, void**);
  int (*error)(int, const char**);

  template <typename F> void find(void* library, F& f, const char* name) {
    f = reinterpret_cast<F>(dlsym(library, name));
    TORCH_CHECK(f, "libcuda.so.1 has no function ", name, "; a newer driver of the GPU has it");
  }

  Driver() {
    void* library = dlopen("libcuda.so.1", RTLD_NOW);
    TORCH_CHECK(library, "the GPU's driver was not found: ", dlerror());
    find(library, init, "cuInit");
    find(library, device, "cuDeviceGet");
    find(library, attribute, "cuDeviceGetAttribute");
    find(library, retain, "cuDevicePrimaryCtxRetain");
    find(library, context, "cuCtxGetCurrent");
    find(library, set_context, "cuCtxSetCurrent");
    find(library, load, "cuModuleLoadData");
    find(library, function, "cuModuleGetFunction");
    find(library, launch, "cuLaunchKernel");
    find(library, error, "cuGetErrorString");
    check(init(0), "cuInit");
  }

  static const Driver& get() {
    static const Driver it;
    return it;
  }

  void check(int code, const char* what) const {
    if (code == 0) return;
    const char* text = nullptr;
    error(code, &text);
    TORCH_CHECK(false, what, " failed: ", text ? text : "unknown error", " (", code, ")");
  }

  int attribute_of(c10::Device d, int which) const {
    int handle = 0, value = 0;
    check(device(&handle, d.index()), "cuDeviceGet");
    check(attribute(&value, which, handle), "cuDeviceGetAttribute");
    return value;
  }

  // Makes libtorch's context of the device current on this thread, if none is.
  void enter(c10::Device d) const {
    void* current = nullptr;
    check(context(&current), "cuCtxGetCurrent");
    if (current) return;
    int handle = 0;
    check(device(&handle, d.index()), "cuDeviceGet");
    check(retain(&current, handle), "cuDevicePrimaryCtxRetain");
    check(set_context(current), "cuCtxSetCurrent");
  }
};

constexpr int kMultiprocessors = 16, kMajor = 75, kMinor = 76; // CU_DEVICE_ATTRIBUTE_…

// CUDA's handle of the current stream.
void* stream(c10::Device d) {
  const c10::Stream s = c10::impl::VirtualGuardImpl(d.type()).getStream(d);
#if AT_LEAST(2, 11)
  return s.native_handle();
#else
  // c10::cuda::CUDAStream::stream(). A CUDAStream is nothing but a Stream; its header wants
  // those of CUDA.
  using Method = void* (*)(const c10::Stream*);
  static const Method method = reinterpret_cast<Method>(dlsym(RTLD_DEFAULT, "_ZNK3c104cuda10CUDAStream6streamEv"));
  TORCH_CHECK(method, "libtorch ", TORCH_VERSION, " has no CUDAStream::stream; a newer one has it");
  return method(&s);
#endif
}

std::atomic<cl_emulator> emulator{nullptr};

} // namespace

namespace shim {

bool emulates(c10::Device d) { return d.is_cpu() && emulator.load() != nullptr; }

int multiprocessors(c10::Device d) {
  if (emulates(d)) return 3; // few, so that small tensors have several parts
  static std::mutex mutex;
  static std::map<int, int> known;
  std::lock_guard<std::mutex> lock(mutex);
  int& n = known[d.index()];
  if (n == 0) n = std::max(1, Driver::get().attribute_of(d, kMultiprocessors));
  return n;
}

void launch(c10::Device d, cl_kernel kernel, const unsigned (&grid)[3], unsigned threads, void** arguments) {
  if (emulates(d)) {
    emulator.load()(kernel, grid, threads, arguments);
    return;
  }
  const c10::DeviceGuard guard(d);
  const Driver& driver = Driver::get();
  driver.enter(d);
  driver.check(
      driver.launch(kernel, grid[0], grid[1], grid[2], threads, 1, 1, 0, stream(d), arguments, /*extra=*/nullptr),
      "cuLaunchKernel");
}

} // namespace shim

extern "C" char* cl_gpu_capability(int device, int* capability) {
  char* err = nullptr;
  CL_TRY(err, {
    const c10::Device d = shim::device(device);
    *capability = 10 * Driver::get().attribute_of(d, kMajor) + Driver::get().attribute_of(d, kMinor);
  });
  return err;
}

extern "C" char* cl_load_kernels(int device, const void* image, const char* const* names, int count,
                                 cl_kernel* kernels) {
  char* err = nullptr;
  CL_TRY(err, {
    const c10::Device d = shim::device(device);
    const c10::DeviceGuard guard(d);
    const Driver& driver = Driver::get();
    driver.enter(d);
    void* module = nullptr;
    driver.check(driver.load(&module, image), "cuModuleLoadData");
    for (int i = 0; i < count; i++) driver.check(driver.function(&kernels[i], module, names[i]), names[i]);
  });
  return err;
}

extern "C" char* cl_launch(int device, cl_kernel kernel, const unsigned grid[3], unsigned threads, void** arguments) {
  char* err = nullptr;
  const unsigned size[3] = {grid[0], grid[1], grid[2]};
  CL_TRY(err, shim::launch(shim::device(device), kernel, size, threads, arguments));
  return err;
}

extern "C" void cl_emulate(cl_emulator e) { emulator.store(e); }
