#define KERNELS kernels_baseline
#include "view.h"
