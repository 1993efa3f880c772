// Copies, counted by where they come from and go to. "own stream" is any but the default one, on which
// libtorch computes.
//
// With FAKE_BLANK, device memory stays zero: whatever is written to it arrives as zeros. No kernel overwrites
// memory, and what libtorch uses again for other numbers would still hold the old bytes, some of which read as
// NaN: those of images, and the halves of a float32 in bfloat16 or float16.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"

static int blank;

__attribute__((constructor)) static void start(void) { blank = getenv("FAKE_BLANK") != NULL; }

static void copied(const void* to, const void* from, size_t n, const void* stream, const char* how) {
  static const char* const names[] = {"pageable", "pinned", "device"};
  char name[64];
  snprintf(name, sizeof name, "%s to %s%s%s", names[fake_place(from)], names[fake_place(to)],
           stream ? ", own stream" : "", how);
  fake_count("copy", name, n);
}

// Moves n bytes between the places that copies read and write.
static void move(void* to, const void* from, size_t n) {
  if (blank && fake_place(to) == kDevice) {
    memset(fake_shadow(to), 0, n);
  } else {
    memmove(fake_shadow(to), fake_shadow(from), n);
  }
}

Status cudaMemcpyAsync(void* to, const void* from, size_t n, int kind, void* stream) {
  (void)kind;
  if (n) copied(to, from, n, stream, "");
  move(to, from, n);
  return 0;
}

Status cudaMemcpy(void* to, const void* from, size_t n, int kind) {
  (void)kind;
  fake_count("wait", "copy", 0);
  copied(to, from, n, NULL, ", with a wait");
  move(to, from, n);
  return 0;
}

Status cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width, size_t height,
                         int kind, void* stream) {
  (void)kind;
  copied(to, from, width * height, stream, "");
  for (size_t i = 0; i < height; i++) move((char*)to + i * to_pitch, (const char*)from + i * from_pitch, width);
  return 0;
}

Status cudaMemcpyPeerAsync(void* to, int a, const void* from, int b, size_t n, void* stream) {
  (void)a, (void)b;
  return cudaMemcpyAsync(to, from, n, 0, stream);
}

Status cuMemcpyHtoDAsync_v2(void* to, const void* from, size_t n, void* stream) {
  return cudaMemcpyAsync(to, from, n, 0, stream);
}

Status cuMemcpyDtoHAsync_v2(void* to, const void* from, size_t n, void* stream) {
  return cudaMemcpyAsync(to, from, n, 0, stream);
}

Status cudaMemsetAsync(void* p, int value, size_t n, void* stream) {
  (void)stream;
  fake_count("kernel", "memset", n);
  memset(fake_shadow(p), blank ? 0 : value, n);
  return 0;
}

Status cudaMemset(void* p, int value, size_t n) { return cudaMemsetAsync(p, value, n, NULL); }
