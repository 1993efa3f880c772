#define SET kernels_default
#include "view.h"
