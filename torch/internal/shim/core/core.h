// The C interface to libtorch that the Go binding calls.
//
// All operators are called through one function, cl_call, which passes a stack of values
// to the dispatcher. The operator's schema fills in defaults, and the same source builds
// against every libtorch with the same schemas. Everything that is not an operator
// (modes, devices, data, memory) has its own function.
//
// Errors: a non-null char* is a message that the caller frees with free(). It begins with
// CL_OUT_OF_MEMORY if the memory of a device was not enough.
#ifndef CONTRALENS_SHIM_CORE_H
#define CONTRALENS_SHIM_CORE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CL_OUT_OF_MEMORY "\001"

typedef void* cl_tensor; // an owned reference to a TensorImpl
typedef void* cl_op;     // an operator of the dispatcher; never freed

// One result of an operator: kind 't' tensor, 'i' integer, 'd' double, 'b' bool, 'N' none.
typedef struct {
  char kind;
  cl_tensor t;
  int64_t i;
  double d;
} cl_result;

#define CL_MAX_RESULTS 8

typedef struct {
  char* err;
  int count;
  cl_result results[CL_MAX_RESULTS];
} cl_results;

typedef struct {
  char* err;
  cl_op op;
} cl_lookup_result;

typedef struct {
  char* err;
  cl_tensor t;
} cl_tensor_result;

typedef struct {
  char* err;
  int64_t i;
} cl_int_result;

cl_lookup_result cl_lookup(const char* name, const char* overload);

// Calls op with the arguments that kinds describes, one character each:
// 't' tensor, 'T' tensor list (its length in ints), 'i' integer (also dtypes and
// memory formats), 'd' double, 'b' bool (in ints), 'I' integer list (length and
// elements in ints), 'c' device (in ints, as in cl_from_data), 'g' generator (in tensors,
// from cl_generator_new), 'N' none. Values are taken in order from tensors, ints and
// doubles. Omitted trailing arguments take the schema's defaults.
cl_results cl_call(cl_op op, const char* kinds, const cl_tensor* tensors, const int64_t* ints, const double* doubles);

// Tensors. device: -1 is the CPU, 0 <= n < CL_DEVICE_TYPE is cuda:n, and any other device
// is CL_DEVICE_TYPE times its c10::DeviceType, plus its index.
#define CL_DEVICE_TYPE 128
cl_tensor_result cl_from_data(const void* data, const int64_t* shape, int dims, int dtype, int device);
char* cl_to_data(cl_tensor t, void* data, int dtype); // copies out, contiguous, converted to dtype
void cl_free(cl_tensor t);
void cl_free_all(int count, const cl_tensor* ts); // null ones are left out
int cl_dims(cl_tensor t);
void cl_shape(cl_tensor t, int64_t* shape);
int cl_dtype(cl_tensor t);
int cl_device(cl_tensor t);
char* cl_device_type(int device); // "cpu", "cuda", "meta", …; free()
int64_t cl_storage_id(cl_tensor t);
void* cl_data(cl_tensor t); // the first element
int64_t cl_live(void);

// Autograd.
int cl_requires_grad(cl_tensor t);
char* cl_set_requires_grad(cl_tensor t, int on);
char* cl_backward(cl_tensor t, cl_tensor gradient /* or null */, int keep_graph);
cl_tensor_result cl_grad(cl_tensor t); // a null tensor if there is none
char* cl_set_grad(cl_tensor t, cl_tensor gradient /* or null */);
// The gradients of count tensors, null where there is none; clear drops them from ts.
char* cl_grads(int count, const cl_tensor* ts, cl_tensor* gradients, int clear);
// value as a function of count inputs, with the given gradients in the inputs' shapes.
cl_tensor_result cl_custom_grad(cl_tensor value, int count, const cl_tensor* inputs, const cl_tensor* gradients);
// copy, which has the values of t in another type, as a function of t whose gradient is cast back.
cl_tensor_result cl_cast_of(cl_tensor t, cl_tensor copy);
int cl_grad_enabled(void);
void cl_set_grad_enabled(int on);
void* cl_inference_begin(void);
void cl_inference_end(void* guard);

// Autocast on the CPU and on CUDA (device as above).
void cl_autocast_begin(int device, int dtype);
void cl_autocast_end(int device);

// Counts the elements of t in bins of equal width from low to high, in t's type, without a
// warning that this is not deterministic: t has at most 2^24 elements, if it is float32.
cl_tensor_result cl_histogram(cl_tensor t, int64_t bins, double low, double high);

// Random numbers.
void* cl_generator_new(uint64_t seed, int device, char** err);
void cl_generator_free(void* g);
cl_tensor_result cl_generator_state(void* g);
char* cl_generator_set_state(void* g, cl_tensor state);
char* cl_normal_(cl_tensor t, double mean, double std, void* g);
char* cl_uniform_(cl_tensor t, double low, double high, void* g);

// Events of a device (as above, but not the CPU). cl_event_record marks the end of the work
// launched on the device's current stream so far; cl_event_wait blocks until it is done.
void* cl_event_record(int device, char** err);
char* cl_event_wait(void* event);
void cl_event_free(void* event);
// The time between two events, which cl_event_record_timed recorded. It waits for the
// second.
void* cl_event_record_timed(int device, char** err);
char* cl_event_elapsed(void* from, void* to, double* milliseconds);
// cl_event_block makes the work launched later on the device's current stream wait;
// cl_event_done reports whether the event has happened. Neither makes the host wait.
char* cl_event_block(void* event);
cl_int_result cl_event_done(void* event);

// A stream of a device, beside the current one; never freed. cl_stream_exchange makes it
// the thread's current one and keeps the one before instead: a second call undoes it.
void* cl_stream_new(int device, char** err);
char* cl_stream_exchange(void* stream);

// The process.
const char* cl_version(void);  // of the headers
char* cl_loaded_version(void); // of the library, as it says itself; free()
int cl_version_number(void);   // 10000 major + 100 minor + patch
char* cl_config(void);         // build and parallel settings; free()
void cl_set_threads(int n);
int cl_get_threads(void);
int64_t cl_memory_now(void); // bytes of all tensors on the CPU
int64_t cl_memory_peak(void);
void cl_memory_reset_peak(void);

// GPUs, by the CUDA runtime that libtorch has brought into the process.
typedef struct {
  char name[256];
  char pci[32];        // "0000:3b:00.0"
  int major, minor;    // compute capability
  int64_t free, total; // bytes of memory
} cl_gpu;

typedef struct {
  int built;        // 1: the process has libtorch's CUDA backend
  int count;        // of usable GPUs
  int code;         // of cudaGetDeviceCount: 0, or why there are none
  int driver;       // the newest CUDA that the driver supports, as 13020 for 13.2; 0: no driver
  int runtime;      // CUDA of libtorch
  int cudnn;        // as 91002 for 9.10.2; 0: none
  int nvml;         // 1: NVIDIA's management library can be loaded
  const char* text; // of code; never freed
} cl_cuda_state;

// The memory of a device that libtorch's allocator has handed out, in bytes: now, at most,
// and with what it keeps for later at most. Before libtorch 2.9, all that is in use by any
// program.
typedef struct {
  int64_t now, peak, reserved;
} cl_memory;

char* cl_device_memory(int device, cl_memory* out);
char* cl_device_reset_peak(int device);

cl_cuda_state cl_cuda(void);
// Describes cuda:index. It makes the GPU ready for use, which takes some of its memory.
char* cl_cuda_gpu(int index, cl_gpu* out);
// Makes the process ready to compute on a device that is not the CPU. tf32 or IEEE
// arithmetic for float32; deterministic algorithms or the fastest ones.
char* cl_use_gpu(int device, int tf32, int deterministic);

#ifdef __cplusplus
}
#endif
#endif
