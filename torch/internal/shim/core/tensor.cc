// Tensors: ownership, data, autograd.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>

#include <atomic>

#include "internal.h"

namespace {
std::atomic<int64_t> live{0};
}

cl_tensor shim::own(at::Tensor t) {
  live++;
  return t.unsafeReleaseTensorImpl();
}

extern "C" void cl_free(cl_tensor t) {
  live--;
  c10::intrusive_ptr<at::TensorImpl, at::UndefinedTensorImpl>::reclaim(static_cast<at::TensorImpl*>(t));
}

extern "C" void cl_free_all(int count, const cl_tensor* ts) {
  for (int i = 0; i < count; i++)
    if (ts[i]) cl_free(ts[i]);
}

extern "C" int64_t cl_live(void) { return live; }

extern "C" cl_tensor_result cl_from_data(const void* data, const int64_t* shape, int dims, int dtype, int device) {
  cl_tensor_result out{nullptr, nullptr};
  CL_TRY(out.err, {
    auto type = static_cast<at::ScalarType>(dtype);
    at::Tensor t = at::empty(at::IntArrayRef(shape, dims), at::TensorOptions().dtype(type));
    if (t.numel() > 0) memcpy(t.data_ptr(), data, t.nbytes());
    out.t = shim::own(device < 0 ? t : t.to(shim::device(device)));
  });
  return out;
}

extern "C" char* cl_to_data(cl_tensor handle, void* data, int dtype) {
  char* err = nullptr;
  CL_TRY(err, {
    at::NoGradGuard guard;
    at::Tensor t = shim::borrow(handle).detach();
    t = t.to(at::TensorOptions().device(c10::kCPU).dtype(static_cast<at::ScalarType>(dtype))).contiguous();
    if (t.numel() > 0) memcpy(data, t.data_ptr(), t.nbytes());
  });
  return err;
}

extern "C" int cl_dims(cl_tensor t) { return static_cast<int>(static_cast<at::TensorImpl*>(t)->dim()); }

extern "C" void cl_shape(cl_tensor t, int64_t* shape) {
  auto sizes = static_cast<at::TensorImpl*>(t)->sizes();
  std::copy(sizes.begin(), sizes.end(), shape);
}

extern "C" int cl_dtype(cl_tensor t) { return static_cast<int>(shim::borrow(t).scalar_type()); }

extern "C" int cl_device(cl_tensor t) { return shim::code(shim::borrow(t).device()); }

extern "C" char* cl_device_type(int device) {
  return strdup(c10::DeviceTypeName(shim::device(device).type(), /*lower_case=*/true).c_str());
}

extern "C" int64_t cl_storage_id(cl_tensor t) {
  return reinterpret_cast<int64_t>(shim::borrow(t).storage().unsafeGetStorageImpl());
}

extern "C" void* cl_data(cl_tensor t) { return shim::borrow(t).data_ptr(); }

extern "C" int cl_requires_grad(cl_tensor t) { return shim::borrow(t).requires_grad(); }

extern "C" char* cl_set_requires_grad(cl_tensor t, int on) {
  char* err = nullptr;
  CL_TRY(err, shim::borrow(t).set_requires_grad(on != 0));
  return err;
}

extern "C" char* cl_backward(cl_tensor t, cl_tensor gradient, int keep_graph) {
  char* err = nullptr;
  CL_TRY(err, shim::borrow(t).backward(shim::borrow(gradient), keep_graph != 0));
  return err;
}

extern "C" cl_tensor_result cl_grad(cl_tensor t) {
  cl_tensor_result out{nullptr, nullptr};
  CL_TRY(out.err, {
    const at::Tensor& g = shim::borrow(t).grad();
    if (g.defined()) out.t = shim::own(g);
  });
  return out;
}

extern "C" char* cl_set_grad(cl_tensor t, cl_tensor gradient) {
  char* err = nullptr;
  CL_TRY(err, shim::borrow(t).mutable_grad() = shim::borrow(gradient));
  return err;
}

extern "C" char* cl_grads(int count, const cl_tensor* ts, cl_tensor* gradients, int clear) {
  char* err = nullptr;
  int done = 0;
  CL_TRY(err, {
    for (; done < count; done++) {
      at::Tensor t = shim::borrow(ts[done]);
      const at::Tensor& g = t.grad();
      gradients[done] = g.defined() ? shim::own(g) : nullptr;
      if (clear && g.defined()) t.mutable_grad() = at::Tensor();
    }
  });
  if (err) cl_free_all(done, gradients);
  return err;
}

extern "C" int cl_grad_enabled(void) { return at::GradMode::is_enabled(); }
extern "C" void cl_set_grad_enabled(int on) { at::GradMode::set_enabled(on != 0); }

extern "C" void* cl_inference_begin(void) { return new c10::InferenceMode(true); }
extern "C" void cl_inference_end(void* guard) { delete static_cast<c10::InferenceMode*>(guard); }
