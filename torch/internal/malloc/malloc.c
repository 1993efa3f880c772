#include <malloc.h>

// Training allocates and frees the same blocks in every step. By default glibc returns large ones
// to the kernel each time and pays for the page faults again. Tensors from 1 MB on have a heap of
// their own (shim/core/blocks.cc); this is for smaller ones and for what libraries take. There is
// one arena, because goroutines move between threads and would fill one arena each.
__attribute__((constructor)) static void tune_malloc(void) {
  mallopt(M_MMAP_THRESHOLD, 2000000000);
  mallopt(M_TRIM_THRESHOLD, 2000000000);
  mallopt(M_TOP_PAD, 64 << 20);
  mallopt(M_ARENA_MAX, 1);
}
