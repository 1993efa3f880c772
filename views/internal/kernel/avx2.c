#include <math.h>
#include <string.h>

#include "cpu.h"

#if CPU_X86
CPU_FILE_FOR_AVX2
#define KERNELS kernels_avx2
#include "view.h"
#endif
