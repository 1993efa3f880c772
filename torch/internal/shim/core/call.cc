// Operators, through the dispatcher.
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>
#include <ATen/core/stack.h>

#include "internal.h"

namespace {

// The next argument of the call, read from the flat arrays.
struct Reader {
  const cl_tensor* tensors;
  const int64_t* ints;
  const double* doubles;

  c10::IValue next(char kind) {
    switch (kind) {
      case 't': return shim::borrow(*tensors++);
      case 'g': return *static_cast<at::Generator*>(*tensors++);
      case 'i': return *ints++;
      case 'b': return *ints++ != 0;
      case 'd': return *doubles++;
      case 'c': return shim::device(static_cast<int>(*ints++));
      case 'N': return c10::IValue();
      case 'I': {
        int64_t n = *ints++;
        std::vector<int64_t> list(ints, ints + n);
        ints += n;
        return list;
      }
      case 'T': {
        int64_t n = *ints++;
        std::vector<at::Tensor> list;
        list.reserve(n);
        for (int64_t i = 0; i < n; i++) list.push_back(shim::borrow(*tensors++));
        return list;
      }
    }
    TORCH_CHECK(false, "unknown argument kind '", kind, "'");
  }
};

cl_result result(const c10::IValue& v) {
  cl_result r{'N', nullptr, 0, 0};
  if (v.isTensor()) {
    const at::Tensor& t = v.toTensor();
    if (t.defined()) r = {'t', shim::own(t), 0, 0};
  } else if (v.isInt()) {
    r = {'i', nullptr, v.toInt(), 0};
  } else if (v.isDouble()) {
    r = {'d', nullptr, 0, v.toDouble()};
  } else if (v.isBool()) {
    r = {'b', nullptr, v.toBool(), 0};
  } else {
    TORCH_CHECK(v.isNone(), "result of unsupported type ", v.tagKind());
  }
  return r;
}

} // namespace

extern "C" cl_lookup_result cl_lookup(const char* name, const char* overload) {
  cl_lookup_result out{nullptr, nullptr};
  CL_TRY(out.err, out.op = new c10::OperatorHandle(c10::Dispatcher::singleton().findSchemaOrThrow(name, overload)));
  return out;
}

extern "C" cl_results cl_call(cl_op op, const char* kinds, const cl_tensor* tensors, const int64_t* ints,
                              const double* doubles) {
  cl_results out{};
  CL_TRY(out.err, {
    const auto& handle = *static_cast<c10::OperatorHandle*>(op);
    const auto& arguments = handle.schema().arguments();
    Reader reader{tensors, ints, doubles};
    torch::jit::Stack stack;
    stack.reserve(arguments.size());
    size_t given = strlen(kinds);
    TORCH_CHECK(given <= arguments.size(), handle.schema().name(), " takes ", arguments.size(), " arguments, got ",
                given);
    for (size_t i = 0; i < given; i++) stack.push_back(reader.next(kinds[i]));
    for (size_t i = given; i < arguments.size(); i++) {
      TORCH_CHECK(arguments[i].default_value(), handle.schema().name(), ": argument ", arguments[i].name(),
                  " is missing");
      stack.push_back(*arguments[i].default_value());
    }
    handle.callBoxed(stack);
    for (const auto& v : stack) {
      if (v.isTensorList()) {
        for (const at::Tensor& t : v.toTensorVector()) {
          TORCH_CHECK(out.count < CL_MAX_RESULTS, handle.schema().name(), ": more than ", CL_MAX_RESULTS, " results");
          out.results[out.count++] = result(t);
        }
        continue;
      }
      TORCH_CHECK(out.count < CL_MAX_RESULTS, handle.schema().name(), ": more than ", CL_MAX_RESULTS, " results");
      out.results[out.count++] = result(v);
    }
  });
  if (out.err) {
    for (int i = 0; i < out.count; i++)
      if (out.results[i].t) cl_free(out.results[i].t);
    out.count = 0;
  }
  return out;
}
