#include "passes.h"

#if CPU_X86
CPU_FILE_FOR_AVX512_WIDE
namespace avx512 {
#include "passes_body.h"
}
#endif
