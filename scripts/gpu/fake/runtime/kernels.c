// Kernels: libtorch registers each with its name; a launch counts it.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"

typedef struct {
  unsigned x, y, z;
} dim3;

struct function {
  const void* address;
  const char* name;
};

static struct function* functions; // ordered by address if ordered is set
static int count, room, ordered;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void add(const void* address, const char* name) {
  pthread_mutex_lock(&lock);
  if (count == room) {
    room = room ? 2 * room : 1 << 15;
    functions = realloc(functions, room * sizeof *functions);
  }
  functions[count++] = (struct function){address, name};
  ordered = 0;
  pthread_mutex_unlock(&lock);
}

static int compare(const void* a, const void* b) {
  const struct function *x = a, *y = b;
  return (x->address > y->address) - (x->address < y->address);
}

void fake_launch(const void* address) {
  pthread_mutex_lock(&lock);
  if (!ordered) qsort(functions, count, sizeof *functions, compare);
  ordered = 1;
  struct function key = {address, NULL}, *f = count ? bsearch(&key, functions, count, sizeof key, compare) : NULL;
  const char* name = f ? f->name : "a kernel that was not registered";
  pthread_mutex_unlock(&lock);
  fake_count("kernel", name, 0);
}

void* fake_function(const char* name) {
  char* copy = strdup(name);
  add(copy, copy);
  return copy;
}

// What the code that nvcc writes calls when a library is loaded.
void** __cudaRegisterFatBinary(void* p) { return (void)p, malloc(8); }
void __cudaRegisterFatBinaryEnd(void** handle) { (void)handle; }
void __cudaUnregisterFatBinary(void** handle) { free(handle); }
char __cudaInitModule(void** handle) { return (void)handle, 1; }

void __cudaRegisterFunction(void** handle, const char* address, char* device, const char* name, int limit, void* tid,
                            void* bid, void* block, void* grid, int* warp) {
  (void)handle, (void)device, (void)limit, (void)tid, (void)bid, (void)block, (void)grid, (void)warp;
  add(address, name);
}

void __cudaRegisterVar(void** handle, char* host, char* device, const char* name, int external, size_t size,
                       int constant, int global) {
  (void)handle, (void)host, (void)device, (void)name, (void)external, (void)size, (void)constant, (void)global;
}

// <<<grid, block, memory, stream>>> pushes its configuration and calls a stub that pops it and launches.
struct configuration {
  dim3 grid, block;
  size_t memory;
  void* stream;
};
static __thread struct configuration stack[16];
static __thread int depth;

unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t memory, void* stream) {
  stack[depth++ & 15] = (struct configuration){grid, block, memory, stream};
  return 0;
}

Status __cudaPopCallConfiguration(dim3* grid, dim3* block, size_t* memory, void** stream) {
  struct configuration* c = &stack[--depth & 15];
  *grid = c->grid, *block = c->block, *memory = c->memory, *stream = c->stream;
  return 0;
}

Status cudaLaunchKernel(const void* f, dim3 grid, dim3 block, void** arguments, size_t memory, void* stream) {
  (void)grid, (void)block, (void)arguments, (void)memory, (void)stream;
  fake_launch(f);
  return 0;
}

Status cudaLaunchCooperativeKernel(const void* f, dim3 grid, dim3 block, void** arguments, size_t memory,
                                   void* stream) {
  return cudaLaunchKernel(f, grid, block, arguments, memory, stream);
}

Status cudaLaunchKernelExC(const void* configuration, const void* f, void** arguments) {
  (void)configuration, (void)arguments;
  fake_launch(f);
  return 0;
}

// CUDA 13's stubs launch by a handle.
Status __cudaGetKernel(void** kernel, const void* f) { return *kernel = (void*)f, 0; }
Status cudaGetFuncBySymbol(void** kernel, const void* f) { return *kernel = (void*)f, 0; }

Status __cudaLaunchKernel(void* f, dim3 grid, dim3 block, void** arguments, size_t memory, void* stream) {
  return cudaLaunchKernel(f, grid, block, arguments, memory, stream);
}

Status cudaLibraryGetKernel(void** kernel, void* library, const char* name) {
  (void)library;
  *kernel = fake_function(name);
  return 0;
}

struct function_attributes {
  size_t shared, constant, local;
  int threads, registers, ptx, binary, cache, shared_dynamic, carveout;
};

Status cudaFuncGetAttributes(struct function_attributes* a, const void* f) {
  (void)f;
  int major, minor;
  fake_capability(&major, &minor);
  *a = (struct function_attributes){.threads = 1024, .registers = 32, .shared_dynamic = 232448};
  a->ptx = a->binary = 10 * major + minor;
  return 0;
}

Status cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* n, const void* f, int block, size_t memory,
                                                              unsigned flags) {
  (void)f, (void)block, (void)memory, (void)flags;
  *n = 2;
  return 0;
}

Status cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* n, const void* f, int block, size_t memory) {
  return cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(n, f, block, memory, 0);
}

Status cuOccupancyMaxActiveBlocksPerMultiprocessor(int* n, const void* f, int block, size_t memory) {
  return cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(n, f, block, memory, 0);
}

Status cudaGetSymbolAddress(void** p, const void* symbol) { return *p = (void*)symbol, 0; }
