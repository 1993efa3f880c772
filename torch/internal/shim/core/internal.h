// Shared by the C++ files of the shim.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/util/Exception.h>

#include <cstdlib>
#include <cstring>

#include "core.h"

namespace shim {

inline char* message(const std::exception& e) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&e);
  return strdup(torch_error ? torch_error->what_without_backtrace() : e.what());
}

cl_tensor own(at::Tensor t); // passes the reference to the caller and counts it

inline at::Tensor borrow(cl_tensor t) {
  if (t == nullptr) return at::Tensor();
  return at::Tensor::wrap_tensor_impl(
      c10::intrusive_ptr<at::TensorImpl, at::UndefinedTensorImpl>::reclaim_copy(static_cast<at::TensorImpl*>(t)));
}

template <typename T> T* data(const at::Tensor& t) { return t.defined() ? static_cast<T*>(t.data_ptr()) : nullptr; }

inline c10::Device device(int index) {
  return index < 0 ? c10::Device(c10::kCPU) : c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(index));
}

} // namespace shim

// Runs body, turning a C++ exception into a message in the variable err.
#define CL_TRY(err, ...)              \
  try {                               \
    __VA_ARGS__;                      \
  } catch (const std::exception& e) { \
    err = shim::message(e);           \
  }
