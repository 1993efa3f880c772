// A CUDA runtime without a GPU. libtorch's CUDA build runs on it: memory is the host's, kernels
// are counted and not run, and device memory can't be read by the host.
#ifndef CONTRALENS_FAKE_CUDA_H
#define CONTRALENS_FAKE_CUDA_H

#include <stddef.h>

// What functions of CUDA return: 0 or an error's number.
typedef int Status;
enum {
  kOutOfMemory = 2,
  kInvalidValue = 1,
  kNoDevice = 100,
  kInvalidDevice = 101,
  kNotFound = 500,
  kNotSupported = 801
};

// Adds one to the counter of this kind and name ("kernel", "wait", "copy", "allocate", "free", "event",
// "call") and bytes to its sum.
void fake_count(const char* kind, const char* name, long long bytes);

// Writes all counters to buffer, one a line: number, bytes, kind, name, separated by tabs. Returns the
// bytes that the text needs, with its 0 at the end; nothing is written if size is less.
int fake_counts(char* buffer, int size);

// Sets all counters to 0.
void fake_reset(void);

// Where memory lies. Device memory has two addresses: the program's, which is protected, and the shadow,
// which the copy functions use.
enum place { kPageable = 0, kPinned = 1, kDevice = 2 };
enum place fake_place(const void* p);
void* fake_shadow(const void* p);

// The device of the calling thread, the number of devices, a device's memory in bytes, and what is used.
int fake_current(void);
int fake_devices(void);
int fake_bus(int index); // its place on the bus, from 1
size_t fake_total(void);
size_t fake_used(int device);

// FAKE_CAPABILITY, 9.0 unless set.
void fake_capability(int* major, int* minor);

// Error that every call for devices returns: FAKE_ERROR, or kNoDevice without devices, or 0.
Status fake_error(void);

// An attribute of devices, by cudaDeviceAttr's (and CUdevice_attribute's) number.
int fake_attribute(int attribute);

// A handle for a kernel that has a name and no host function.
void* fake_function(const char* name);
void fake_launch(const void* function);

// Sets what cudaGetLastError returns next, and returns it.
Status fake_fail(Status status);

#endif
