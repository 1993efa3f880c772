// The driver's interface, for programs that load modules compiled at run time.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"

const char* cudaGetErrorString(Status);
const char* cudaGetErrorName(Status);
Status cudaGetDevice(int*);
Status cudaSetDevice(int);
Status cudaDriverGetVersion(int*);

static char context[kNoDevice]; // its address stands for every context

Status cuInit(unsigned flags) { return (void)flags, fake_error(); }

// NVRTC asks for a table of private functions once cuInit succeeds. It does without, but
// not without this function.
Status cuGetExportTable(const void** table, const void* id) {
  (void)id;
  *table = NULL;
  return kNotFound;
}

Status cuDriverGetVersion(int* version) { return cudaDriverGetVersion(version); }
Status cuDeviceGetCount(int* n) { return *n = fake_devices(), fake_error(); }
Status cuDeviceTotalMem_v2(size_t* n, int device) { return (void)device, *n = fake_total(), 0; }

Status cuDeviceGet(int* device, int i) {
  *device = i;
  return i < 0 || i >= fake_devices() ? kInvalidDevice : 0;
}

Status cuDeviceGetName(char* name, int n, int device) {
  snprintf(name, n, "fake GPU %d", device);
  return 0;
}

Status cuDeviceGetAttribute(int* value, int attribute, int device) {
  *value = attribute == 33 ? fake_bus(device) : fake_attribute(attribute);
  return 0;
}

Status cuDeviceGetPCIBusId(char* s, int n, int device) {
  snprintf(s, n, "0000:%02x:00.0", fake_bus(device));
  return 0;
}

Status cuGetErrorString(Status status, const char** text) { return *text = cudaGetErrorString(status), 0; }
Status cuGetErrorName(Status status, const char** name) { return *name = cudaGetErrorName(status), 0; }

Status cuCtxGetCurrent(void** c) { return *c = context, 0; }
Status cuCtxSetCurrent(void* c) { return (void)c, 0; }
Status cuCtxPushCurrent_v2(void* c) { return (void)c, 0; }
Status cuCtxPopCurrent_v2(void** c) { return *c = context, 0; }
Status cuCtxGetDevice(int* device) { return cudaGetDevice(device); }
Status cuDevicePrimaryCtxRetain(void** c, int device) { return (void)device, *c = context, 0; }
Status cuDevicePrimaryCtxRelease_v2(int device) { return (void)device, 0; }

Status cuDevicePrimaryCtxGetState(int device, unsigned* flags, int* active) {
  (void)device;
  if (flags) *flags = 0;
  *active = 1;
  return 0;
}

Status cuModuleLoadData(void** module, const void* image) {
  fake_count("module", "loaded", 0);
  *module = malloc(8);
  return image ? 0 : kInvalidValue;
}

Status cuModuleLoadDataEx(void** module, const void* image, unsigned n, int* options, void** values) {
  (void)n, (void)options, (void)values;
  return cuModuleLoadData(module, image);
}

Status cuModuleLoad(void** module, const char* path) { return cuModuleLoadData(module, path); }
Status cuModuleUnload(void* module) { return free(module), 0; }

Status cuModuleGetFunction(void** function, void* module, const char* name) {
  (void)module;
  *function = fake_function(name);
  return 0;
}

Status cuLaunchKernel(void* f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                      unsigned memory, void* stream, void** arguments, void** extra) {
  (void)memory, (void)stream, (void)extra;
  if (!gx || !gy || !gz || !bx || !by || !bz || bx * by * bz > 1024 || gy > 65535 || gz > 65535) return kInvalidValue;
  (void)arguments;
  fake_launch(f);
  return 0;
}

Status cuLaunchCooperativeKernel(void* f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                                 unsigned memory, void* stream, void** arguments) {
  return cuLaunchKernel(f, gx, gy, gz, bx, by, bz, memory, stream, arguments, NULL);
}

Status cuFuncGetAttribute(int* value, int attribute, void* f) {
  (void)f;
  *value = attribute == 0 ? 1024 : attribute == 4 ? 32 : 0; // threads of a block, registers
  return 0;
}

Status cuFuncSetAttribute(void* f, int attribute, int value) { return (void)f, (void)attribute, (void)value, 0; }

Status cuPointerGetAttribute(void* value, int attribute, const void* p) {
  if (attribute == 9) {
    *(int*)value = 0; // device
  } else {
    *(const void**)value = p;
  }
  return 0;
}

// Finds a function of the driver by its name, with or without the number of its version.
static void* entry(const char* name) {
  char versioned[128];
  void* f = dlsym(RTLD_DEFAULT, name);
  if (f) return f;
  snprintf(versioned, sizeof versioned, "%s_v2", name);
  return dlsym(RTLD_DEFAULT, versioned);
}

Status cudaGetDriverEntryPoint(const char* name, void** f, unsigned long long flags, int* status) {
  (void)flags;
  *f = entry(name);
  if (status) *status = *f ? 0 : 1;
  return 0;
}

Status cudaGetDriverEntryPointByVersion(const char* name, void** f, unsigned version, unsigned long long flags,
                                        int* status) {
  (void)version;
  return cudaGetDriverEntryPoint(name, f, flags, status);
}

Status cuGetProcAddress(const char* name, void** f, int version, unsigned long long flags) {
  (void)version, (void)flags;
  return (*f = entry(name)) ? 0 : kNotFound;
}

Status cuGetProcAddress_v2(const char* name, void** f, int version, unsigned long long flags, int* status) {
  if (status) *status = entry(name) ? 0 : 1;
  return cuGetProcAddress(name, f, version, flags);
}
