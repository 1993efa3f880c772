// Events: marks in the work of a device, for which the host can wait.
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/csrc/api/include/torch/version.h>

#include <memory>

#include "internal.h"

#define EVENTS_WAIT (TORCH_VERSION_MAJOR * 100 + TORCH_VERSION_MINOR >= 206)

extern "C" void* cl_event_record(int device, char** err) {
  *err = nullptr;
  CL_TRY(*err, {
#if EVENTS_WAIT
    const c10::Device on = shim::device(device);
    auto event = std::make_unique<c10::Event>(on.type());
    event->record(c10::impl::VirtualGuardImpl(on.type()).getStream(on));
    return event.release();
#else
    TORCH_CHECK(false, "want libtorch 2.6 or newer for a GPU, got ", TORCH_VERSION);
#endif
  });
  return nullptr;
}

extern "C" char* cl_event_wait(void* event) {
  char* err = nullptr;
#if EVENTS_WAIT
  CL_TRY(err, static_cast<c10::Event*>(event)->synchronize());
#else
  (void)event;
#endif
  return err;
}

extern "C" void cl_event_free(void* event) { delete static_cast<c10::Event*>(event); }
