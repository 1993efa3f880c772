#define _GNU_SOURCE
#include "library.h"

#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

// One library of the process. RTLD_DEFAULT would miss those of a library that was itself
// loaded at run time.
static int examine(struct dl_phdr_info* info, size_t size, void* result) {
  (void)size;
  cl_blas* found = result;
  if (!info->dlpi_name || !strstr(info->dlpi_name, "blas")) return 0;
  void* handle = dlopen(info->dlpi_name, RTLD_LAZY | RTLD_NOLOAD);
  if (!handle) return 0;
  void* core = dlsym(handle, "openblas_get_corename");
  void* config = dlsym(handle, "openblas_get_config");
  if (core && config) {
    *found = (cl_blas){strdup(info->dlpi_name), core, config, dlsym(handle, "gotoblas_dynamic_init"),
                       dlsym(handle, "gotoblas_dynamic_quit")};
  }
  dlclose(handle); // as often as dlopen; the process keeps the library
  return found->path != NULL;
}

cl_blas cl_blas_find(void) {
  cl_blas found = {0};
  dl_iterate_phdr(examine, &found);
  return found;
}

char* cl_blas_core(const cl_blas* library) { return library->core(); }

char* cl_blas_config(const cl_blas* library) { return library->config(); }

// The variable is set only while the library reads it: other programs that this one starts
// must not take its choice for a user's.
void cl_blas_use(const cl_blas* library, const char* core) {
  const char* given = getenv("OPENBLAS_CORETYPE");
  char* before = given ? strdup(given) : NULL;
  setenv("OPENBLAS_CORETYPE", core, 1);
  library->forget();
  library->choose();
  if (before) {
    setenv("OPENBLAS_CORETYPE", before, 1);
  } else {
    unsetenv("OPENBLAS_CORETYPE");
  }
  free(before);
}
