#include "passes.h"

#if CPU_X86
CPU_FILE_FOR_AVX2
namespace avx2 {
#include "passes_body.h"
}
#endif
