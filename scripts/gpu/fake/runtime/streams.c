// Streams and events. All work is done when it is asked for, so nothing has to be waited for; what a GPU
// would wait for is counted. Events remember when they were recorded.
#include <stdlib.h>
#include <time.h>

#include "fake.h"

struct event {
  double milliseconds;
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec * 1e-6;
}

Status cudaStreamCreateWithPriority(void** stream, unsigned flags, int priority) {
  (void)flags, (void)priority;
  *stream = malloc(8);
  return 0;
}

Status cudaStreamCreateWithFlags(void** stream, unsigned flags) {
  return cudaStreamCreateWithPriority(stream, flags, 0);
}
Status cudaStreamCreate(void** stream) { return cudaStreamCreateWithPriority(stream, 0, 0); }
Status cudaStreamDestroy(void* stream) { return free(stream), 0; }
Status cudaStreamQuery(void* stream) { return (void)stream, 0; }
Status cudaStreamGetPriority(void* stream, int* priority) { return (void)stream, *priority = 0, 0; }
Status cudaThreadExchangeStreamCaptureMode(int* mode) { return (void)mode, 0; }
Status cudaStreamIsCapturing(void* stream, int* status) { return (void)stream, *status = 0, 0; }

// All versions of this function have these arguments first; the others are for graphs.
Status cudaStreamGetCaptureInfo(void* stream, int* status, unsigned long long* id) {
  (void)stream;
  *status = 0;
  if (id) *id = 0;
  return 0;
}

Status cudaStreamGetCaptureInfo_v2(void* stream, int* status, unsigned long long* id) {
  return cudaStreamGetCaptureInfo(stream, status, id);
}

Status cudaStreamSynchronize(void* stream) {
  (void)stream;
  fake_count("wait", "stream", 0);
  return 0;
}

Status cuStreamSynchronize(void* stream) { return cudaStreamSynchronize(stream); }

Status cudaDeviceSynchronize(void) {
  fake_count("wait", "device", 0);
  return fake_error();
}

Status cuCtxSynchronize(void) { return cudaDeviceSynchronize(); }

Status cudaStreamWaitEvent(void* stream, void* event, unsigned flags) {
  (void)stream, (void)event, (void)flags;
  fake_count("event", "a stream waits", 0);
  return 0;
}

Status cudaEventCreateWithFlags(void** event, unsigned flags) {
  (void)flags;
  *event = calloc(1, sizeof(struct event));
  return 0;
}

Status cudaEventCreate(void** event) { return cudaEventCreateWithFlags(event, 0); }
Status cudaEventDestroy(void* event) { return free(event), 0; }
Status cudaEventQuery(void* event) { return (void)event, 0; }

Status cudaEventRecordWithFlags(void* event, void* stream, unsigned flags) {
  (void)stream, (void)flags;
  ((struct event*)event)->milliseconds = now();
  fake_count("event", "recorded", 0);
  return 0;
}

Status cudaEventRecord(void* event, void* stream) { return cudaEventRecordWithFlags(event, stream, 0); }

Status cudaEventSynchronize(void* event) {
  (void)event;
  fake_count("wait", "event", 0);
  return 0;
}

Status cudaEventElapsedTime(float* milliseconds, void* from, void* to) {
  *milliseconds = ((struct event*)to)->milliseconds - ((struct event*)from)->milliseconds;
  return 0;
}

Status cudaLaunchHostFunc(void* stream, void (*f)(void*), void* data) { return (void)stream, f(data), 0; }

Status cudaStreamAddCallback(void* stream, void (*f)(void*, Status, void*), void* data, unsigned flags) {
  (void)flags;
  f(stream, 0, data);
  return 0;
}
