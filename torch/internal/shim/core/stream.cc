// Streams: queues of a device's work, beside the one that is current.
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <memory>

#include "internal.h"

namespace {
c10::impl::VirtualGuardImpl guard(const c10::Device& on) { return c10::impl::VirtualGuardImpl(on.type()); }
} // namespace

extern "C" void* cl_stream_new(int device, char** err) {
  *err = nullptr;
  CL_TRY(*err, {
    const c10::Device on = shim::device(device);
    return new c10::Stream(guard(on).getStreamFromGlobalPool(on));
  });
  return nullptr;
}

extern "C" char* cl_stream_exchange(void* stream) {
  char* err = nullptr;
  CL_TRY(err, {
    auto& held = *static_cast<c10::Stream*>(stream);
    held = guard(held.device()).exchangeStream(held);
  });
  return err;
}

extern "C" char* cl_event_block(void* event) {
  char* err = nullptr;
  CL_TRY(err, {
    const auto& e = *static_cast<c10::Event*>(event);
    e.block(guard(e.device()).getStream(e.device()));
  });
  return err;
}

extern "C" cl_int_result cl_event_done(void* event) {
  cl_int_result out{nullptr, 0};
  CL_TRY(out.err, out.i = static_cast<c10::Event*>(event)->query());
  return out;
}
