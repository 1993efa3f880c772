#ifdef __x86_64__
#include <math.h>
#include <string.h>
#pragma GCC target("avx2,fma,bmi2")
#define SET kernels_avx2
#include "view.h"
#endif
