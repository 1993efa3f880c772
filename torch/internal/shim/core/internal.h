// Shared by the C++ files of the shim.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/util/Exception.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "core.h"

namespace shim {

// The message of an exception, behind CL_OUT_OF_MEMORY if a device's memory was not enough.
inline char* message(const std::exception& e) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&e);
  const char* text = torch_error ? torch_error->what_without_backtrace() : e.what();
  if (!dynamic_cast<const c10::OutOfMemoryError*>(&e)) return strdup(text);
  return strdup((CL_OUT_OF_MEMORY + std::string(text)).c_str());
}

cl_tensor own(at::Tensor t); // passes the reference to the caller and counts it

inline at::Tensor borrow(cl_tensor t) {
  if (t == nullptr) return at::Tensor();
  return at::Tensor::wrap_tensor_impl(
      c10::intrusive_ptr<at::TensorImpl, at::UndefinedTensorImpl>::reclaim_copy(static_cast<at::TensorImpl*>(t)));
}

template <typename T> T* data(const at::Tensor& t) { return t.defined() ? static_cast<T*>(t.data_ptr()) : nullptr; }

// Devices as C and Go name them: see cl_device.
inline c10::Device device(int code) {
  if (code < 0) return c10::Device(c10::kCPU);
  const auto index = static_cast<c10::DeviceIndex>(code % CL_DEVICE_TYPE);
  if (code < CL_DEVICE_TYPE) return c10::Device(c10::kCUDA, index);
  return c10::Device(static_cast<c10::DeviceType>(code / CL_DEVICE_TYPE), index);
}

inline int code(c10::Device d) {
  if (d.is_cpu()) return -1;
  const int index = d.has_index() ? d.index() : 0;
  return d.is_cuda() ? index : CL_DEVICE_TYPE * static_cast<int>(d.type()) + index;
}

} // namespace shim

// Runs body, turning a C++ exception into a message in the variable err.
#define CL_TRY(err, ...)              \
  try {                               \
    __VA_ARGS__;                      \
  } catch (const std::exception& e) { \
    err = shim::message(e);           \
  }
