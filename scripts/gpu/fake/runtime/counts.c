// Counters of what the program asked of the device, read by fake_counts. FAKE_COUNTS names a file in which
// they are kept, for other processes to read, also while this one runs and after it was killed: an array of
// struct counter. FAKE_QUIET counts nothing; FAKE_TRACE=wait prints a backtrace of every wait.
#define _GNU_SOURCE
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake.h"

enum { kSlots = 1 << 13 };

// 512 bytes; a slot is free while its name is empty.
struct counter {
  int64_t number, bytes;
  char kind[16], name[480];
};

static struct counter* counters;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char* trace;
static int quiet;

static void fail(const char* what) {
  fprintf(stderr, "fake CUDA: %s: %s\n", what, strerror(errno));
  abort();
}

// Runs before main, or before the first count of another library's constructor.
static void start(void) {
  trace = getenv("FAKE_TRACE");
  quiet = getenv("FAKE_QUIET") != NULL;
  const char* path = getenv("FAKE_COUNTS");
  size_t size = kSlots * sizeof *counters;
  int file = -1;
  if (path && ((file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644)) < 0 || ftruncate(file, size))) fail(path);
  counters = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | (path ? 0 : MAP_ANONYMOUS), file, 0);
  if (counters == MAP_FAILED) fail("counters");
  if (path) close(file);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

static struct counter* find(const char* kind, const char* name) {
  uint64_t hash = 14695981039346656037u;
  for (const char* c = kind; *c; c++) hash = (hash ^ (unsigned char)*c) * 1099511628211u;
  for (const char* c = name; *c; c++) hash = (hash ^ (unsigned char)*c) * 1099511628211u;
  for (int i = 0; i < kSlots; i++) {
    struct counter* c = &counters[(hash + i) % kSlots];
    if (!c->name[0]) {
      strncpy(c->name, name, sizeof c->name - 1);
      strncpy(c->kind, kind, sizeof c->kind - 1);
      return c;
    }
    if (!strcmp(c->kind, kind) && !strncmp(c->name, name, sizeof c->name - 1)) return c;
  }
  fprintf(stderr, "fake CUDA: more than %d counters\n", kSlots);
  abort();
}

void fake_count(const char* kind, const char* name, long long bytes) {
  pthread_once(&once, start);
  if (quiet) return;
  if (trace && !strcmp(trace, kind)) {
    void* frames[40];
    fprintf(stderr, "fake CUDA: %s %s, %lld bytes\n", kind, name, bytes);
    backtrace_symbols_fd(frames, backtrace(frames, 40), STDERR_FILENO);
  }
  pthread_mutex_lock(&lock);
  struct counter* c = find(kind, name);
  c->number++;
  c->bytes += bytes;
  pthread_mutex_unlock(&lock);
}

int fake_counts(char* buffer, int size) {
  char* text;
  size_t length;
  FILE* f = open_memstream(&text, &length);
  if (!f) return -1;
  pthread_once(&once, start);
  pthread_mutex_lock(&lock);
  for (int i = 0; i < kSlots; i++) {
    struct counter* c = &counters[i];
    if (c->number) fprintf(f, "%lld\t%lld\t%s\t%s\n", (long long)c->number, (long long)c->bytes, c->kind, c->name);
  }
  pthread_mutex_unlock(&lock);
  fclose(f);
  if ((int)length < size) memcpy(buffer, text, length + 1);
  free(text);
  return (int)length + 1;
}

void fake_reset(void) {
  pthread_once(&once, start);
  pthread_mutex_lock(&lock);
  for (int i = 0; i < kSlots; i++) counters[i].number = counters[i].bytes = 0;
  pthread_mutex_unlock(&lock);
}
