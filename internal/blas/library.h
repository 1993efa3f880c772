// The OpenBLAS that is loaded into this process, if there is one. Its functions are found
// at run time, since libtorch may come with another library.
#ifndef CONTRALENS_BLAS_LIBRARY_H
#define CONTRALENS_BLAS_LIBRARY_H

typedef struct {
  char* path;            // free()
  char* (*core)(void);   // the kernels in use
  char* (*config)(void); // version and build
  void (*choose)(void);  // chooses kernels by OPENBLAS_CORETYPE, unless some are chosen
  void (*forget)(void);  // makes choose choose again
} cl_blas;

// Finds the library. Its path is null if there is none; choose and forget are null where
// the build has kernels for one processor only.
cl_blas cl_blas_find(void);

char* cl_blas_core(const cl_blas* library);
char* cl_blas_config(const cl_blas* library);
void cl_blas_use(const cl_blas* library, const char* core); // nothing else may compute meanwhile

#endif
