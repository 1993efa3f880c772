// cuBLAS, cuBLASLt and cuDNN: products and convolutions are counted and compute nothing.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"

int cublasCreate_v2(void** handle) { return *handle = malloc(8), 0; }
int cublasDestroy_v2(void* handle) { return free(handle), 0; }
int cublasGetMathMode(void* handle, int* mode) { return (void)handle, *mode = 0, 0; }
int cublasGetPointerMode_v2(void* handle, int* mode) { return (void)handle, *mode = 0, 0; }
int cublasGetStream_v2(void* handle, void** stream) { return (void)handle, *stream = NULL, 0; }
int cublasGetVersion_v2(void* handle, int* version) { return (void)handle, *version = CUDA_VERSION * 10, 0; }
const char* cublasGetStatusString(int status) { return status ? "fake error" : "CUBLAS_STATUS_SUCCESS"; }
int cublasLtCreate(void** handle) { return *handle = malloc(8), 0; }
size_t cublasLtGetVersion(void) { return CUDA_VERSION * 10; }

// One algorithm, which needs no workspace.
int cublasLtMatmulAlgoGetHeuristic(void* handle, void* operation, void* a, void* b, void* c, void* d, void* preference,
                                   int want, void* results, int* got) {
  (void)handle, (void)operation, (void)a, (void)b, (void)c, (void)d, (void)preference, (void)want;
  memset(results, 0, 64);
  *got = 1;
  return 0;
}

size_t cudnnGetVersion(void) { return CUDA_VERSION < 13000 ? 90100 : 91900; }
size_t cudnnGetCudartVersion(void) { return CUDA_VERSION; }
const char* cudnnGetErrorString(int status) { return status ? "fake error" : "CUDNN_STATUS_SUCCESS"; }

void cudnnGetLastErrorString(char* text, size_t n) {
  if (n) text[0] = 0;
}

int cudnnCreate(void** handle) { return *handle = malloc(8), 0; }
int cudnnDestroy(void* handle) { return free(handle), 0; }

#define DESCRIPTOR(name) \
  int cudnnCreate##name##Descriptor(void** d) { return *d = calloc(1, 64), 0; }
DESCRIPTOR(Tensor)
DESCRIPTOR(Filter)
DESCRIPTOR(Convolution)
DESCRIPTOR(Activation)
DESCRIPTOR(Dropout)
DESCRIPTOR(Pooling)
DESCRIPTOR(RNN)
DESCRIPTOR(RNNData)
DESCRIPTOR(SpatialTransformer)
DESCRIPTOR(CTCLoss)

// Convolutions go through cuDNN's graph interface: a heuristic has one result, whose plan needs no workspace.
enum { kHeuristicResults = 202, kPlanWorkspace = 402 };

int cudnnBackendCreateDescriptor(int type, void** d) { return (void)type, *d = calloc(1, 64), 0; }
int cudnnBackendDestroyDescriptor(void* d) { return free(d), 0; }
int cudnnBackendFinalize(void* d) { return (void)d, 0; }

int cudnnBackendSetAttribute(void* d, int name, int type, int64_t n, const void* values) {
  return (void)d, (void)name, (void)type, (void)n, (void)values, 0;
}

int cudnnBackendGetAttribute(void* d, int name, int type, int64_t want, int64_t* got, void* values) {
  (void)d, (void)type, (void)want;
  if (got) *got = name == kHeuristicResults || name == kPlanWorkspace;
  if (name == kPlanWorkspace && values) *(int64_t*)values = 0;
  return 0;
}

int cudnnBackendExecute(void* handle, void* plan, void* pack) {
  (void)handle, (void)plan, (void)pack;
  fake_count("kernel", "cudnnBackendExecute", 0);
  return 0;
}

int cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize(void* handle, int mode, int operation, void* x, void* z,
                                                             void* y, void* parameters, void* activation, size_t* n) {
  (void)handle, (void)mode, (void)operation, (void)x, (void)z, (void)y, (void)parameters, (void)activation;
  return *n = 0, 0;
}

int cudnnGetBatchNormalizationBackwardExWorkspaceSize(void* handle, int mode, int operation, void* x, void* y, void* dy,
                                                      void* dz, void* dx, void* parameters, void* activation,
                                                      size_t* n) {
  (void)handle, (void)mode, (void)operation, (void)x, (void)y, (void)dy, (void)dz, (void)dx, (void)parameters;
  (void)activation;
  return *n = 0, 0;
}

int cudnnGetBatchNormalizationTrainingExReserveSpaceSize(void* handle, int mode, int operation, void* activation,
                                                         void* x, size_t* n) {
  (void)handle, (void)mode, (void)operation, (void)activation, (void)x;
  return *n = 0, 0;
}
