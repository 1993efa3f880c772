#include "passes.h"

#ifdef NORM_X86
#pragma GCC target("arch=x86-64-v4,prefer-vector-width=512")
namespace avx512 {
#include "passes_body.h"
}
#endif
