#include "emulated.h"

#include "norm.h"

#include "emulate.h"

#include "arguments.h"

namespace float1 {
#include "element.cuh"
#include "kernels.cu"
} // namespace float1

#undef VECTOR
#define VECTOR 4
namespace float4 {
#include "element.cuh"
#include "kernels.cu"
} // namespace float4

#undef ELEMENT
#define ELEMENT 1
#undef VECTOR
#define VECTOR 1
namespace bfloat1 {
#include "element.cuh"
#include "kernels.cu"
} // namespace bfloat1

#undef VECTOR
#define VECTOR 8
namespace bfloat8 {
#include "element.cuh"
#include "kernels.cu"
} // namespace bfloat8

#undef ELEMENT
#define ELEMENT 2
namespace half8 {
#include "element.cuh"
#include "kernels.cu"
} // namespace half8

#undef VECTOR
#define VECTOR 1
namespace half1 {
#include "element.cuh"
#include "kernels.cu"
} // namespace half1

namespace {

using Body = void (*)(NormArguments);

int launches;

// Adds the kernels of a namespace. dtype is the number of libtorch's type.
#define REGISTER(space, dtype, vector)                                                                             \
  {                                                                                                                \
    using namespace space;                                                                                         \
    static const Body bodies[] = {                                                                                 \
        space::moments, space::apply,         space::apply_relu,      space::apply_add, space::apply_add_relu,     \
        space::reduce,  space::reduce_result, space::reduce_argument, space::gradient,  space::gradient_argument}; \
    cl_kernel kernels[CL_NORM_KERNELS];                                                                            \
    for (int i = 0; i < CL_NORM_KERNELS; i++) kernels[i] = reinterpret_cast<cl_kernel>(bodies[i]);                 \
    cl_norm_kernels(-1, dtype, vector, kernels);                                                                   \
  }

void run(cl_kernel kernel, const unsigned grid[3], unsigned threads, void** arguments) {
  launches++;
  const NormArguments& p = *static_cast<const NormArguments*>(arguments[0]);
  const Body body = reinterpret_cast<Body>(kernel);
  emulate::Blocks::run(grid, threads, [&] { body(p); });
}

} // namespace

extern "C" void cl_norm_emulate(unsigned order) {
  REGISTER(float1, 6, 1)
  REGISTER(float4, 6, 4)
  REGISTER(bfloat1, 15, 1)
  REGISTER(bfloat8, 15, 8)
  REGISTER(half1, 5, 1)
  REGISTER(half8, 5, 8)
  launches = 0;
  emulate::order = order;
  cl_emulate(run);
}

extern "C" void cl_norm_emulate_stop(void) { cl_emulate(nullptr); }

extern "C" int cl_norm_emulated_launches(void) {
  const int n = launches;
  launches = 0;
  return n;
}
