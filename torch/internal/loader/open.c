//go:build engine

#include "open.h"

#include <dlfcn.h>
#include <string.h>

extern void* cl_slots[];
extern const char cl_names[];

// RTLD_GLOBAL makes libtorch's symbols visible as if the program were linked with it, which
// parts that libtorch loads later, and functions found by name, rely on.
char* cl_open(const char* path, void** library) {
  *library = dlopen(path, RTLD_LAZY | RTLD_GLOBAL);
  if (*library) return 0;
  const char* message = dlerror();
  return strdup(message ? message : "unknown error");
}

void* cl_address(void* library, const char* name) { return dlsym(library, name); }

const char* cl_connect(void* library) {
  for (const char* name = cl_names; *name; name += strlen(name) + 1)
    if (!dlsym(library, name)) return name;
  void** slot = cl_slots;
  for (const char* name = cl_names; *name; name += strlen(name) + 1) *slot++ = dlsym(library, name);
  return 0;
}
