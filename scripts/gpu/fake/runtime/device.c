// Devices: FAKE_GPUS of them (1 unless set), as CUDA_VISIBLE_DEVICES allows, each with FAKE_MEM MB and
// compute capability FAKE_CAPABILITY, under driver FAKE_DRIVER (as 13000 for CUDA 13.0). FAKE_ERROR is the
// number of an error that every question for devices ends with, as 35 for a driver that is too old.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"

static __thread int current;
static __thread Status last;

Status fake_fail(Status status) { return last = status; }
int fake_current(void) { return current; }

static int number(const char* name, int otherwise) {
  const char* s = getenv(name);
  return s ? atoi(s) : otherwise;
}

// The number of devices that the process sees. *bus is the place on the bus, from 1, of the one with an index.
// CUDA_VISIBLE_DEVICES is a list that ends at the first number that there is no device for.
static int devices(int index, int* bus) {
  int n = number("FAKE_GPUS", 1), visible = 0;
  const char* s = getenv("CUDA_VISIBLE_DEVICES");
  *bus = index + 1;
  if (!s) return n;
  while (*s) {
    char* end;
    long i = strtol(s, &end, 10);
    if (end == s || i < 0 || i >= n) break;
    if (visible++ == index) *bus = (int)i + 1;
    s = *end == ',' ? end + 1 : end;
  }
  return visible;
}

int fake_devices(void) {
  int bus;
  return devices(-1, &bus);
}

int fake_bus(int index) {
  int bus;
  devices(index, &bus);
  return bus;
}

Status fake_error(void) {
  int error = number("FAKE_ERROR", 0);
  return error ? error : fake_devices() ? 0 : kNoDevice;
}

void fake_capability(int* major, int* minor) {
  const char* s = getenv("FAKE_CAPABILITY");
  *major = 9, *minor = 0;
  if (s && sscanf(s, "%d.%d", major, minor) != 2) fprintf(stderr, "fake CUDA: FAKE_CAPABILITY: want 9.0, got %s\n", s);
}

Status cudaGetDeviceCount(int* n) {
  Status status = fake_error();
  *n = status ? 0 : fake_devices();
  return status ? fake_fail(status) : 0;
}

Status cudaGetDevice(int* d) { return *d = current, fake_error(); }

Status cudaSetDevice(int d) {
  if (fake_error()) return fake_fail(fake_error());
  if (d < 0 || d >= fake_devices()) return fake_fail(kInvalidDevice);
  current = d;
  return 0;
}

// The fields of cudaDeviceProp, which CUDA 13 made shorter: V12 marks those that it dropped.
#define PROPERTIES(V12)                                                                                        \
  char name[256], uuid[16], luid[8];                                                                           \
  unsigned mask;                                                                                               \
  size_t total_memory, shared_memory;                                                                          \
  int registers, warp;                                                                                         \
  size_t pitch;                                                                                                \
  int threads, block[3], grid[3];                                                                              \
  V12(int clock;) size_t constant_memory;                                                                      \
  int major, minor;                                                                                            \
  size_t texture_alignment, texture_pitch;                                                                     \
  V12(int overlap;) int processors;                                                                            \
  V12(int timeout;) int integrated, map_host;                                                                  \
  V12(int mode; int texture_linear;) int textures[39];                                                         \
  size_t surface_alignment;                                                                                    \
  int concurrent, ecc, pci_bus, pci_device, pci_domain, tcc, engines, unified;                                 \
  V12(int memory_clock;) int bus_width, l2, l2_persisting, threads_processor, priorities, l1_global, l1_local; \
  size_t shared_processor;                                                                                     \
  int registers_processor, managed, board, board_group, atomics;                                               \
  V12(int double_ratio;) int pageable, concurrent_managed, preemption, host_pointer, cooperative;              \
  V12(int cooperative_devices;) size_t shared_block;                                                           \
  int host_tables, direct, blocks_processor;                                                                   \
  char rest[316];
#define KEEP(...) __VA_ARGS__
#define DROP(...)

#define FILL(p, device)                                                                       \
  memset(p, 0, sizeof *p);                                                                    \
  snprintf(p->name, sizeof p->name, "fake GPU %d", device);                                   \
  p->total_memory = fake_total();                                                             \
  p->shared_memory = 49152;                                                                   \
  p->registers = p->registers_processor = 65536;                                              \
  p->warp = 32;                                                                               \
  p->threads = p->block[0] = p->block[1] = 1024;                                              \
  p->blocks_processor = 32;                                                                   \
  p->block[2] = 64;                                                                           \
  p->grid[0] = 2147483647;                                                                    \
  p->grid[1] = p->grid[2] = 65535;                                                            \
  fake_capability(&p->major, &p->minor);                                                      \
  p->texture_alignment = 512;                                                                 \
  p->texture_pitch = 32;                                                                      \
  p->processors = 132;                                                                        \
  p->pci_bus = (device) + 1;                                                                  \
  p->engines = 3;                                                                             \
  p->map_host = p->concurrent = p->unified = p->priorities = p->managed = p->cooperative = 1; \
  p->bus_width = 5120;                                                                        \
  p->l2 = 50 << 20;                                                                           \
  p->threads_processor = 2048;                                                                \
  p->shared_processor = 233472;                                                               \
  p->shared_block = 232448

struct properties12 {
  PROPERTIES(KEEP)
};
struct properties13 {
  PROPERTIES(DROP)
};

Status cudaGetDeviceProperties_v2(struct properties12* p, int device) {
  FILL(p, device);
  return 0;
}

Status cudaGetDeviceProperties(struct properties13* p, int device) {
  FILL(p, device);
  return 0;
}

int fake_attribute(int attribute) {
  int major, minor;
  fake_capability(&major, &minor);
  switch (attribute) {
    case 1:
    case 2:
    case 3: return 1024;       // threads of a block, its x and y
    case 4: return 64;         // its z
    case 5: return 2147483647; // x of a grid
    case 6:
    case 7: return 65535; // its y and z
    case 8: return 49152; // shared memory of a block
    case 10: return 32;   // warp
    case 12:
    case 82: return 65536;    // registers of a block, of a processor
    case 16: return 132;      // processors
    case 33: return 1;        // PCI bus
    case 38: return 50 << 20; // L2 cache
    case 39: return 2048;     // threads of a processor
    case 75: return major;
    case 76: return minor;
    case 81: return 233472; // shared memory of a processor
    case 95: return 1;      // cooperative launch
    case 97: return 232448; // shared memory of a block, opted in
    case 102: return 1;     // virtual memory management
    case 106: return 32;    // blocks of a processor
    default: return 0;
  }
}

Status cudaDeviceGetAttribute(int* value, int attribute, int device) {
  *value = attribute == 33 ? fake_bus(device) : fake_attribute(attribute);
  return fake_error();
}

Status cudaDeviceGetStreamPriorityRange(int* least, int* greatest) { return *least = 0, *greatest = -5, 0; }
Status cudaDeviceCanAccessPeer(int* can, int a, int b) { return (void)a, (void)b, *can = 0, 0; }

Status cudaDeviceGetPCIBusId(char* s, int n, int device) {
  snprintf(s, n, "0000:%02x:00.0", fake_bus(device));
  return 0;
}

Status cudaRuntimeGetVersion(int* version) { return *version = CUDA_VERSION, 0; }
Status cudaDriverGetVersion(int* version) { return *version = number("FAKE_DRIVER", CUDA_VERSION), 0; }

Status cudaGetLastError(void) {
  Status status = last;
  last = 0;
  return status;
}

Status cudaPeekAtLastError(void) { return last; }

static const struct {
  Status status;
  const char *name, *text;
} errors[] = {
    {0, "cudaSuccess", "no error"},
    {1, "cudaErrorInvalidValue", "invalid argument"},
    {2, "cudaErrorMemoryAllocation", "out of memory"},
    {3, "cudaErrorInitializationError", "initialization error"},
    {35, "cudaErrorInsufficientDriver", "CUDA driver version is insufficient for CUDA runtime version"},
    {100, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
    {101, "cudaErrorInvalidDevice", "invalid device ordinal"},
    {700, "cudaErrorIllegalAddress", "an illegal memory access was encountered"},
    {802, "cudaErrorSystemNotReady", "system not yet initialized"},
    {803, "cudaErrorSystemDriverMismatch", "system has unsupported display driver / cuda driver combination"},
    {804, "cudaErrorCompatNotSupportedOnDevice", "forward compatibility was attempted on non supported HW"},
};

const char* cudaGetErrorString(Status status) {
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
    if (errors[i].status == status) return errors[i].text;
  }
  return "unrecognized error code";
}

const char* cudaGetErrorName(Status status) {
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
    if (errors[i].status == status) return errors[i].name;
  }
  return "cudaErrorUnknown";
}
