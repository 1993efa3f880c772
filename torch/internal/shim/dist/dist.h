// Several processes: the stores, process groups and the Reducer of libtorch's c10d. Errors
// are as in core.h. Functions of stores may be called on any thread; those of groups and
// reducers only on the one that computes.
#ifndef CONTRALENS_SHIM_DIST_H
#define CONTRALENS_SHIM_DIST_H

#include "core.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef void* cl_store;
typedef void* cl_group;
typedef void* cl_reducer;

// A store that one process serves and the others reach at host:port. world counts them
// all. *bound becomes the port; it is chosen if port is 0.
char* cl_store_tcp(const char* host, int port, int serves, int world, int64_t milliseconds, cl_store* store,
                   int* bound);
// A store in a file, for processes of one machine.
char* cl_store_file(const char* path, int world, int64_t milliseconds, cl_store* store);
char* cl_store_prefix(cl_store of, const char* prefix, cl_store* store);
void cl_store_free(cl_store store);
char* cl_store_set(cl_store store, const char* key, const void* value, int64_t size);
char* cl_store_get(cl_store store, const char* key, void** value /* free() */, int64_t* size);
char* cl_store_add(cl_store store, const char* key, int64_t n, int64_t* sum);
char* cl_store_check(cl_store store, int count, const char* const* keys, int* all);
char* cl_store_delete(cl_store store, const char* key, int* was);

// Which collectives this library has: "gloo", "gloo nccl". Never freed.
const char* cl_group_backends(void);
// A group of size processes that meet in a store. For gloo, addresses are local ones or
// names of interfaces, a device each: "if:eth0" or "at:10.0.0.1". gpu is the process's own.
char* cl_group_new(cl_store store, int rank, int size, const char* backend, int gpu, int64_t milliseconds, int count,
                   const char* const* addresses, cl_group* group);
void cl_group_free(cl_group group);
// gathered becomes [size, n, ...] where t is [n, ...]: what each rank has.
cl_tensor_result cl_group_gather(cl_group group, cl_tensor t);
char* cl_group_sum(cl_group group, int count, const cl_tensor* ts);
char* cl_group_broadcast(cl_group group, int root, int count, const cl_tensor* ts);
// Rows of `in` go to the ranks in turn, in[r] to rank r; out receives out[r] rows of rank r.
char* cl_group_exchange(cl_group group, cl_tensor out, cl_tensor in, int size, const int64_t* out_rows,
                        const int64_t* in_rows);
char* cl_group_barrier(cl_group group);
// Batch norm of x [N, C, ...] by the statistics of all ranks, which also update the running
// ones, unless these are null. Its backward pass sums over the ranks too.
cl_tensor_result cl_group_norm(cl_group group, cl_tensor x, cl_tensor weight, cl_tensor bias, cl_tensor mean,
                               cl_tensor variance, double momentum, double eps);

// A Reducer of count parameters. The buckets are lists of parameters: bucket i has
// lengths[i] of them, one list behind the other in members. With 0 buckets it makes its own.
char* cl_reducer_new(cl_group group, int count, const cl_tensor* parameters, int buckets, const int64_t* lengths,
                     const int64_t* members, cl_reducer* reducer);
void cl_reducer_free(cl_reducer reducer);
// One backward pass from all roots, in which gradients are averaged over the ranks. Without
// roots, the gradients that are there are averaged.
char* cl_reducer_backward(cl_reducer reducer, int count, const cl_tensor* roots, const cl_tensor* gradients);
// The buckets now, as in cl_reducer_new: lengths and members have an element per parameter.
char* cl_reducer_layout(cl_reducer reducer, int* buckets, int64_t* lengths, int64_t* members);

#ifdef __cplusplus
}
#endif
#endif
