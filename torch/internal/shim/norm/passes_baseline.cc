#include "passes.h"

namespace baseline {
#include "passes_body.h"
}

template <> const Passes<float>& passes<float>() { return CPU_PICK(avx512::floats, avx2::floats, baseline::floats); }

template <> const Passes<Bfloat16>& passes<Bfloat16>() {
  return CPU_PICK(avx512::bfloats, avx2::bfloats, baseline::bfloats);
}
