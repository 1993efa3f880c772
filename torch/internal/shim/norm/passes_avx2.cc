#include "passes.h"

#ifdef NORM_X86
#pragma GCC target("arch=x86-64-v3")
namespace avx2 {
#include "passes_body.h"
}
#endif
