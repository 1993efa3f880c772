// Memory: device memory lies in files without a name that are mapped twice, once protected at the address
// that the program gets, once readable for the copy functions. So a program that touches device memory
// without a copy ends with a fault, as it does on a GPU.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake.h"

enum { kDevices = 64 };

struct range {
  char *start, *shadow;
  size_t size;
  enum place place;
  int device;
};

static struct range* ranges; // ordered by start
static int count, room;
static size_t used[kDevices];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

// The index of the first range that ends behind p.
static int search(const char* p) {
  int low = 0, high = count;
  while (low < high) {
    int middle = (low + high) / 2;
    if (ranges[middle].start + ranges[middle].size > p) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

static void insert(struct range r) {
  pthread_mutex_lock(&lock);
  if (count == room) {
    room = room ? 2 * room : 1024;
    ranges = realloc(ranges, room * sizeof *ranges);
  }
  int i = search(r.start);
  memmove(ranges + i + 1, ranges + i, (count - i) * sizeof *ranges);
  ranges[i] = r;
  count++;
  pthread_mutex_unlock(&lock);
}

// Finds the range of p, and removes it if remove is set and p is its start. Returns 0 if there is none.
static int lookup(const void* p, struct range* r, int remove) {
  pthread_mutex_lock(&lock);
  int i = search(p), found = i < count && ranges[i].start <= (const char*)p;
  if (found && remove) found = ranges[i].start == p;
  if (found) *r = ranges[i];
  if (found && remove) memmove(ranges + i, ranges + i + 1, (--count - i) * sizeof *ranges);
  pthread_mutex_unlock(&lock);
  return found;
}

enum place fake_place(const void* p) {
  struct range r;
  return lookup(p, &r, 0) ? r.place : kPageable;
}

void* fake_shadow(const void* p) {
  struct range r;
  return lookup(p, &r, 0) && r.shadow ? r.shadow + ((const char*)p - r.start) : (void*)p;
}

// FAKE_MEM is in MB.
size_t fake_total(void) {
  const char* s = getenv("FAKE_MEM");
  return s ? (size_t)strtoull(s, NULL, 10) << 20 : (size_t)80 << 30;
}

size_t fake_used(int device) { return used[device]; }

static int take(int device, size_t n) {
  pthread_mutex_lock(&lock);
  int fits = used[device] + n <= fake_total();
  if (fits) used[device] += n;
  pthread_mutex_unlock(&lock);
  return fits;
}

static void give(int device, size_t n) {
  pthread_mutex_lock(&lock);
  used[device] -= n;
  pthread_mutex_unlock(&lock);
}

// Reserves n bytes of addresses and of shadow; nothing lies there yet.
static int reserve(size_t n, struct range* r) {
  *r = (struct range){.size = n, .place = kDevice, .device = fake_current()};
  r->start = mmap(NULL, n, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  r->shadow = mmap(NULL, n, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return r->start != MAP_FAILED && r->shadow != MAP_FAILED;
}

// Puts memory of n bytes at p, which lies in r.
static int place(const struct range* r, char* p, size_t n) {
  int file = memfd_create("device memory", 0);
  if (file < 0) return 0;
  int ok = !ftruncate(file, n) && mmap(p, n, PROT_NONE, MAP_SHARED | MAP_FIXED, file, 0) != MAP_FAILED &&
           mmap(r->shadow + (p - r->start), n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) != MAP_FAILED;
  close(file);
  return ok;
}

Status cudaMalloc(void** p, size_t n) {
  fake_count("allocate", "device", n);
  struct range r;
  *p = NULL;
  if (!n) return 0;
  if (!take(fake_current(), n)) return fake_fail(kOutOfMemory);
  if (!reserve(n, &r) || !place(&r, r.start, n)) {
    fprintf(stderr, "fake CUDA: no memory for %zu bytes: %s\n", n, strerror(errno));
    return fake_fail(kOutOfMemory);
  }
  insert(r);
  *p = r.start;
  return 0;
}

Status cudaFree(void* p) {
  struct range r;
  if (!p) return 0;
  fake_count("free", "device", 0);
  if (!lookup(p, &r, 1)) return fake_fail(kInvalidValue);
  munmap(r.start, r.size);
  munmap(r.shadow, r.size);
  give(r.device, r.size);
  return 0;
}

Status cudaMallocAsync(void** p, size_t n, void* stream) { return (void)stream, cudaMalloc(p, n); }
Status cudaFreeAsync(void* p, void* stream) { return (void)stream, cudaFree(p); }
Status cuMemAlloc_v2(void** p, size_t n) { return cudaMalloc(p, n); }
Status cuMemFree_v2(void* p) { return cudaFree(p); }

Status cudaHostAlloc(void** p, size_t n, unsigned flags) {
  (void)flags;
  fake_count("allocate", "pinned", n);
  if (posix_memalign(p, 4096, n ? n : 1)) return fake_fail(kOutOfMemory);
  insert((struct range){.start = *p, .size = n ? n : 1, .place = kPinned});
  return 0;
}

Status cudaMallocHost(void** p, size_t n) { return cudaHostAlloc(p, n, 0); }
Status cuMemHostAlloc(void** p, size_t n, unsigned flags) { return cudaHostAlloc(p, n, flags); }

Status cudaFreeHost(void* p) {
  struct range r;
  if (!p) return 0;
  if (!lookup(p, &r, 1)) return fake_fail(kInvalidValue);
  free(p);
  return 0;
}

Status cuMemFreeHost(void* p) { return cudaFreeHost(p); }

Status cudaHostRegister(void* p, size_t n, unsigned flags) {
  (void)flags;
  fake_count("allocate", "pinned", n);
  insert((struct range){.start = p, .size = n, .place = kPinned});
  return 0;
}

Status cudaHostUnregister(void* p) {
  struct range r;
  return lookup(p, &r, 1) ? 0 : fake_fail(kInvalidValue);
}

Status cudaHostGetDevicePointer(void** device, void* host, unsigned flags) { return (void)flags, *device = host, 0; }

Status cudaMemGetInfo(size_t* free_bytes, size_t* total) {
  *total = fake_total();
  *free_bytes = *total - used[fake_current()];
  return fake_error();
}

Status cuMemGetInfo_v2(size_t* free_bytes, size_t* total) { return cudaMemGetInfo(free_bytes, total); }

struct attributes {
  int place, device;
  void *device_address, *host_address;
};

Status cudaPointerGetAttributes(struct attributes* a, const void* p) {
  struct range r = {.device = 0};
  int known = lookup(p, &r, 0);
  *a = (struct attributes){known ? (int)r.place : 0, r.device, (void*)p, (void*)p};
  return 0;
}

// The driver's interface that places memory at addresses reserved before (expandable segments).
Status cuMemAddressReserve(void** p, size_t n, size_t alignment, void* at, unsigned long long flags) {
  (void)alignment, (void)at, (void)flags;
  struct range r;
  if (!reserve(n, &r)) return kOutOfMemory;
  insert(r);
  *p = r.start;
  return 0;
}

Status cuMemAddressFree(void* p, size_t n) {
  struct range r;
  (void)n;
  if (!lookup(p, &r, 1)) return kInvalidValue;
  munmap(r.start, r.size);
  munmap(r.shadow, r.size);
  return 0;
}

Status cuMemCreate(unsigned long long* handle, size_t n, const void* properties, unsigned long long flags) {
  (void)properties, (void)flags;
  fake_count("allocate", "device", n);
  if (!take(fake_current(), n)) return kOutOfMemory;
  *handle = (unsigned long long)n << 8 | (unsigned)fake_current();
  return 0;
}

Status cuMemRelease(unsigned long long handle) {
  fake_count("free", "device", 0);
  give(handle & 255, handle >> 8);
  return 0;
}

Status cuMemMap(void* p, size_t n, size_t offset, unsigned long long handle, unsigned long long flags) {
  struct range r;
  (void)offset, (void)handle, (void)flags;
  return lookup(p, &r, 0) && place(&r, p, n) ? 0 : kInvalidValue;
}

Status cuMemUnmap(void* p, size_t n) {
  struct range r;
  if (!lookup(p, &r, 0)) return kInvalidValue;
  mmap(p, n, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  mmap(fake_shadow(p), n, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  return 0;
}

Status cuMemSetAccess(void* p, size_t n, const void* access, size_t m) {
  return (void)p, (void)n, (void)access, (void)m, 0;
}

Status cuMemGetAllocationGranularity(size_t* n, const void* properties, int option) {
  (void)properties, (void)option;
  *n = 2 << 20;
  return 0;
}
