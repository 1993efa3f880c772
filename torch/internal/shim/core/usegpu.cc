// How a process computes on a GPU: arithmetic, algorithms, memory of the host.
#include <ATen/Context.h>
#include <c10/util/Exception.h>
#include <malloc.h>
#include <torch/csrc/api/include/torch/version.h>

#include <mutex>
#include <set>
#include <string>

#include "internal.h"

#define AT_LEAST(major, minor) \
  (TORCH_VERSION_MAJOR > (major) || (TORCH_VERSION_MAJOR == (major) && TORCH_VERSION_MINOR >= (minor)))
#define GPUS AT_LEAST(2, 6)

namespace {

// The step, the backward pass and the loaders allocate at the same time.
constexpr int arenas = 4;

#if GPUS
void set_tf32(at::Context& context, bool on) {
#if AT_LEAST(2, 9)
  const auto precision = on ? at::Float32Precision::TF32 : at::Float32Precision::IEEE;
  for (auto op : {at::Float32Op::ALL, at::Float32Op::CONV, at::Float32Op::RNN, at::Float32Op::MATMUL}) {
    context.setFloat32Precision(at::Float32Backend::CUDA, op, precision);
  }
#else
  context.setAllowTF32CuDNN(on);
  context.setAllowTF32CuBLAS(on);
#endif
}

// Passes each warning on once. Operators without a deterministic form warn in every step.
struct Once final : c10::WarningHandler {
  void process(const c10::Warning& warning) override {
    // Counts in float32 come out the same in every order.
    if (warning.msg().find("_histc_cuda") != std::string::npos) return;
    const std::lock_guard<std::mutex> lock(mutex);
    if (seen.insert(warning.msg()).second) c10::WarningHandler::process(warning);
  }
  std::mutex mutex;
  std::set<std::string> seen;
};
#endif

} // namespace

extern "C" char* cl_use_gpu(int device, int tf32, int deterministic) {
  char* err = nullptr;
  CL_TRY(err, {
    mallopt(M_ARENA_MAX, arenas);
    if (!shim::device(device).is_cuda()) return nullptr;
#if GPUS
    auto& context = at::globalContext();
    set_tf32(context, tf32 != 0);
    context.setDeterministicCuDNN(deterministic != 0);
    context.setBenchmarkCuDNN(deterministic == 0);
    context.setDeterministicAlgorithms(deterministic != 0, /*warn_only=*/true);
    context.setDeterministicFillUninitializedMemory(false); // every empty tensor would cost a kernel
    static Once once;
    c10::WarningUtils::set_warning_handler(&once);
#else
    (void)tf32, (void)deterministic;
    TORCH_CHECK(false, "want libtorch 2.6 or newer for a GPU, got ", TORCH_VERSION);
#endif
  });
  return err;
}
