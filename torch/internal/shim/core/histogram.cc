// A histogram without the warning that its additions have no fixed order.
#include <ATen/ops/histc.h>
#include <c10/util/Exception.h>

#include <string>

#include "internal.h"
#include "version.h"

namespace {

// Drops the warning while it lives. The handler of warnings is the thread's own, unlike the setting
// of deterministic algorithms, which other threads read.
#if GPUS
class Exact final : c10::WarningHandler {
 public:
  Exact() : guard(this) {}

 private:
  void process(const c10::Warning& warning) override {
    if (warning.msg().find("deterministic") == std::string::npos) before->process(warning);
  }
  c10::WarningHandler* const before = c10::WarningUtils::get_warning_handler();
  const c10::WarningUtils::WarningHandlerGuard guard;
};
#else
struct Exact {}; // there are no GPUs
#endif

} // namespace

extern "C" cl_tensor_result cl_histogram(cl_tensor t, int64_t bins, double low, double high) {
  cl_tensor_result out{nullptr, nullptr};
  CL_TRY(out.err, {
    [[maybe_unused]] const Exact exact{}; // counts are: float32 has all whole numbers up to 2^24
    out.t = shim::own(at::histc(shim::borrow(t), bins, low, high));
  });
  return out;
}
