#include <math.h>
#include <string.h>

#include "cpu.h"

#if CPU_X86
CPU_FILE_FOR_AVX512_WIDE
#define KERNELS kernels_avx512
#include "view.h"
#endif
