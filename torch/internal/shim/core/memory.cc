// The memory of a device, as libtorch's allocator hands it out.
#include <c10/core/Allocator.h>
#if __has_include(<c10/core/CachingDeviceAllocator.h>)
#include <c10/core/CachingDeviceAllocator.h>
#endif

#include "internal.h"
#include "version.h"

// Before, only headers of CUDA declare the allocator's counts.
#define COUNTS AT_LEAST(2, 9)

extern "C" char* cl_device_memory(int device, cl_memory* out) {
  char* err = nullptr;
  CL_TRY(err, {
    const c10::Device on = shim::device(device);
#if COUNTS
    const auto stats = c10::getDeviceAllocator(on.type())->getDeviceStats(on.index());
    constexpr auto all = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
    out->now = stats.allocated_bytes[all].current;
    out->peak = stats.allocated_bytes[all].peak;
    out->reserved = stats.reserved_bytes[all].peak;
#else
    cl_gpu gpu;
    if ((err = cl_cuda_gpu(on.index(), &gpu)) != nullptr) return err;
    out->now = out->peak = out->reserved = gpu.total - gpu.free;
#endif
  });
  return err;
}

extern "C" char* cl_device_reset_peak(int device) {
  char* err = nullptr;
#if COUNTS
  const c10::Device on = shim::device(device);
  CL_TRY(err, c10::getDeviceAllocator(on.type())->resetPeakStats(on.index()));
#else
  (void)device;
#endif
  return err;
}
