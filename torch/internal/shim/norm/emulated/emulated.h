// The kernels of package norm, compiled for the host.
#ifndef CONTRALENS_NORM_EMULATED_H
#define CONTRALENS_NORM_EMULATED_H

#ifdef __cplusplus
extern "C" {
#endif

// Runs a GPU's kernels on tensors of the CPU, with threads in the given order (as
// emulate.h says), until cl_norm_emulate_stop.
void cl_norm_emulate(unsigned order);
void cl_norm_emulate_stop(void);

// Launches since the last call.
int cl_norm_emulated_launches(void);

#ifdef __cplusplus
}
#endif
#endif
