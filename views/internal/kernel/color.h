// Color operations on planes, included once for each instruction set. The arithmetic is
// that of the plain path, and so are the values.

static inline uint8_t blend(float a, float b, float f) {
  float v = a + f * (b - a);
  v = v < 0 ? 0 : v;
  v = v > 255 ? 255 : v;
  return (int)v;
}

static inline int luma(int r, int g, int b) { return (19595 * r + 38470 * g + 7471 * b + 32768) >> 16; }

static __attribute__((noinline)) void blend_all(uint8_t* restrict v, int n, float a, float f) {
  for (int i = 0; i < n; i++) v[i] = blend(a, v[i], f);
}

static __attribute__((noinline)) void saturation(uint8_t* restrict r, uint8_t* restrict g, uint8_t* restrict b, int n,
                                                 float f) {
  for (int i = 0; i < n; i++) {
    float l = luma(r[i], g[i], b[i]);
    r[i] = blend(l, r[i], f);
    g[i] = blend(l, g[i], f);
    b[i] = blend(l, b[i], f);
  }
}

static __attribute__((noinline)) void gray(uint8_t* restrict r, uint8_t* restrict g, uint8_t* restrict b, int n) {
  for (int i = 0; i < n; i++) r[i] = g[i] = b[i] = luma(r[i], g[i], b[i]);
}

static __attribute__((noinline)) uint64_t luma_sum(const uint8_t* restrict r, const uint8_t* restrict g,
                                                   const uint8_t* restrict b, int n) {
  uint32_t sum = 0; // n is at most CHUNK
  for (int i = 0; i < n; i++) sum += luma(r[i], g[i], b[i]);
  return sum;
}

// below is the integer part of a·255, as computed in double precision: it corrects a
// product that float rounds up.
static inline int below(float a) {
#ifdef __FMA__
  int v = (int)(a * 255);
  return v - (__builtin_fmaf(a, 255, -(float)v) < 0);
#else
  return (int)((double)a * 255);
#endif
}

static inline int ramp(int up, int down) {
  int v = up < down ? up : down;
  v = v < 0 ? 0 : v;
  return v > 255 ? 255 : v;
}

static inline int toned(int value, int s, int w) { return (int)((float)(value * s * w) * (1 / 65025.f) + 0.5f); }

// hue shifts the hue by shift/256 in 8-bit HSV with the results of Pillow, which mixes
// float and double: a hue that is off by one would change values by up to six. Of the two
// quotients that Pillow subtracts, one is always 1. So one division remains, and every
// sum is rounded once, in float as in double. A test compares it with the plain path for
// all colors.
static __attribute__((noinline)) void hue(uint8_t* restrict r, uint8_t* restrict g, uint8_t* restrict b, int n,
                                          int shift) {
  for (int i = 0; i < n; i++) {
    int ri = r[i], gi = g[i], bi = b[i];
    int hi = ri > gi ? ri : gi, lo = ri < gi ? ri : gi;
    hi = hi > bi ? hi : bi;
    lo = lo < bi ? lo : bi;
    int range = hi - lo, mid = ri + gi + bi - hi - lo;
    float part = (float)(hi - mid) / (float)(range + (range == 0));
    // The largest channel (R, else G, else B), and whether the hue grows from there to
    // the middle one.
    int isr = ri == hi, isg = gi == hi;
    float base = (1 - isr) * (4 - 2 * isg);
    int after = isr * bi + (1 - isr) * (isg * ri + (1 - isg) * gi); // smallest: the hue grows
    float sign = 2 * (after == lo) - 1;
    float h6 = (base + sign) - sign * part;
    float sixth = h6 / 6;
    float turn = (sixth + (float)(h6 < 0)) * (float)(range > 0);
    int h = (below(turn) + shift) & 255;
    int s = below((float)range / (float)(hi + (hi == 0)));

    // Back to RGB: each channel is value · (1 - s·w), where the weight w rises and falls
    // with the hue. w is in units of 1/255, so the product is exact.
    int turn6 = 6 * h;
    r[i] = hi - toned(hi, s, ramp(turn6 - 255, 1275 - turn6));
    g[i] = hi - toned(hi, s, 255 - ramp(turn6, 1020 - turn6));
    b[i] = hi - toned(hi, s, 255 - ramp(turn6 - 510, 1530 - turn6));
  }
}
