#ifdef __x86_64__
#include <math.h>
#include <string.h>
#pragma GCC target("avx2,fma,bmi2,avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512")
#define SET kernels_avx512
#include "view.h"
#endif
