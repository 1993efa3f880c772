// Events: marks in the work of a device, for which the host can wait.
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <memory>

#include "internal.h"
#include "version.h"

#define EVENTS_WAIT AT_LEAST(2, 6)

namespace {
void* record(int device, bool timed, char** err) {
  *err = nullptr;
  CL_TRY(*err, {
#if EVENTS_WAIT
    const c10::Device on = shim::device(device);
    const auto flag = timed ? c10::EventFlag::BACKEND_DEFAULT : c10::EventFlag::PYTORCH_DEFAULT;
    auto event = std::make_unique<c10::Event>(on.type(), flag);
    event->record(c10::impl::VirtualGuardImpl(on.type()).getStream(on));
    return event.release();
#else
    (void)device, (void)timed;
    TORCH_CHECK(false, "want libtorch 2.6 or newer for a GPU, got ", TORCH_VERSION);
#endif
  });
  return nullptr;
}
} // namespace

extern "C" void* cl_event_record(int device, char** err) { return record(device, false, err); }
extern "C" void* cl_event_record_timed(int device, char** err) { return record(device, true, err); }

extern "C" char* cl_event_wait(void* event) {
  char* err = nullptr;
#if EVENTS_WAIT
  CL_TRY(err, static_cast<c10::Event*>(event)->synchronize());
#else
  (void)event;
#endif
  return err;
}

extern "C" char* cl_event_elapsed(void* from, void* to, double* milliseconds) {
  char* err = nullptr;
#if EVENTS_WAIT
  CL_TRY(err, {
    static_cast<c10::Event*>(to)->synchronize();
    *milliseconds = static_cast<c10::Event*>(from)->elapsedTime(*static_cast<c10::Event*>(to));
  });
#else
  (void)from, (void)to, (void)milliseconds;
#endif
  return err;
}

extern "C" void cl_event_free(void* event) { delete static_cast<c10::Event*>(event); }
