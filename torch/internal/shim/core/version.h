// What depends on the version of libtorch's headers.
#pragma once

#include <torch/csrc/api/include/torch/version.h>

#define AT_LEAST(major, minor) \
  (TORCH_VERSION_MAJOR > (major) || (TORCH_VERSION_MAJOR == (major) && TORCH_VERSION_MINOR >= (minor)))
#define GPUS AT_LEAST(2, 6)
