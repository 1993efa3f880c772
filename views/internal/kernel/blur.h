// The two blurs on planes, included once for each instruction set.

// box is one pass of the extended box blur: out[i] is a mean of in[i-r-1 … i+r+1], where
// the outermost two have the weight fw. Neighbors are step values apart.
static inline __attribute__((always_inline)) void box(uint8_t* restrict out, const uint8_t* const* in, int n, int r,
                                                      uint32_t ww, uint32_t fw) {
  // in[k] is the input shifted by k - (r+1)
  if (r == 0) {
    const uint8_t* restrict a = in[0], * restrict b = in[1], * restrict c = in[2];
    for (int i = 0; i < n; i++) out[i] = (ww * b[i] + fw * (uint32_t)(a[i] + c[i]) + (1 << 23)) >> 24;
  } else if (r == 1) {
    const uint8_t* restrict a = in[0], * restrict b = in[1], * restrict c = in[2];
    const uint8_t* restrict d = in[3], * restrict e = in[4];
    for (int i = 0; i < n; i++)
      out[i] = (ww * (uint32_t)(b[i] + c[i] + d[i]) + fw * (uint32_t)(a[i] + e[i]) + (1 << 23)) >> 24;
  } else {
    for (int i = 0; i < n; i++) {
      uint32_t sum = 0;
      for (int k = 1; k <= 2 * r + 1; k++) sum += in[k][i];
      out[i] = (ww * sum + fw * (uint32_t)(in[0][i] + in[2 * r + 2][i]) + (1 << 23)) >> 24;
    }
  }
}

enum { MAX_BOX = 30 }; // largest r: sigma up to about 30

static void pass(uint8_t* out, const uint8_t* const* in, int n, int r, uint32_t ww, uint32_t fw) {
  if (r == 0) box(out, in, n, 0, ww, fw);
  else if (r == 1) box(out, in, n, 1, ww, fw);
  else box(out, in, n, r, ww, fw);
}

// blur is Pillow's Gaussian blur, three extended box blurs along rows and three
// along columns, bit for bit.
static void blur(const plan* p, const room* room, float sigma) {
  float s2 = sigma * sigma / 3;
  float l = (float)floor((sqrt(12 * (double)s2 + 1) - 1) / 2);
  float a = (2 * l + 1) * (l * (l + 1) - 3 * s2);
  a /= 6 * (s2 - (l + 1) * (l + 1));
  float radius = l + a;
  int r = (int)radius;
  if (r > MAX_BOX) r = MAX_BOX;
  uint32_t ww = (uint32_t)((float)(1 << 24) / (radius * 2 + 1)), fw = ((1u << 24) - (2 * r + 1) * ww) / 2;
  int w = p->size_w, h = p->size_h, e = r + 1;
  const uint8_t* in[2 * MAX_BOX + 3];
  // Two lines with space for repeated ends.
  uint8_t* line[2] = {(uint8_t*)room->line[0] + 64, (uint8_t*)room->line[1] + 64};
  for (int c = 0; c < 3; c++) {
    uint8_t *from = room->planes[c], *to = room->other[c];
    for (int y = 0; y < h; y++) {
      memcpy(line[0], from + y * w, w);
      for (int i = 0; i < 3; i++) {
        uint8_t *src = line[i & 1], *dst = i < 2 ? line[!(i & 1)] : to + y * w;
        memset(src - e, src[0], e);
        memset(src + w, src[w - 1], e);
        for (int k = 0; k <= 2 * e; k++) in[k] = src + k - e;
        pass(dst, in, w, r, ww, fw);
      }
    }
    for (int i = 0; i < 3; i++) {
      uint8_t *src = i & 1 ? from : to, *dst = i & 1 ? to : from;
      for (int y = 0; y < h; y++) {
        for (int k = 0; k <= 2 * e; k++) {
          int row = y + k - e;
          in[k] = src + (row < 0 ? 0 : row >= h ? h - 1 : row) * w;
        }
        pass(dst + y * w, in, w, r, ww, fw);
      }
    }
  }
}

enum { REACH = 11 };

static int mirrored(int i, int n) {
  while (n > 1 && (i < 0 || i >= n)) i = i < 0 ? -i : 2 * (n - 1) - i;
  return n > 1 ? i : 0;
}

// blur23 is a convolution with 23 taps in float. Borders are reflected and the result is
// truncated.
static void blur23(const plan* p, const room* room, float sigma) {
  double exact[REACH + 1], sum = -1;
  float taps[REACH + 1];
  for (int k = 0; k <= REACH; k++) {
    exact[k] = exp(-(k * k) / (2 * (double)sigma * sigma));
    sum += 2 * exact[k];
  }
  int reach = 0; // skips taps that are 0 in float
  for (int k = 0; k <= REACH; k++) {
    taps[k] = exact[k] / sum;
    if (taps[k] > 1e-8f) reach = k;
  }
  int w = p->size_w, h = p->size_h;
  for (int c = 0; c < 3; c++) {
    uint8_t* plane = room->planes[c];
    float* restrict tall = room->blurred, * restrict line = room->lines[0] + 16;
    for (int i = 0; i < w * h; i++) tall[i] = plane[i] / 255.f;
    for (int y = 0; y < h; y++) {
      for (int x = 0; x < w; x++) line[x] = taps[0] * tall[y * w + x];
      for (int k = 1; k <= reach; k++) {
        const float *up = tall + mirrored(y - k, h) * w, *down = tall + mirrored(y + k, h) * w;
        for (int x = 0; x < w; x++) line[x] += taps[k] * (up[x] + down[x]);
      }
      for (int k = 1; k <= REACH; k++) {
        line[-k] = line[mirrored(-k, w)];
        line[w - 1 + k] = line[mirrored(w - 1 + k, w)];
      }
      float* restrict out = room->lines[1];
      for (int x = 0; x < w; x++) out[x] = taps[0] * line[x];
      for (int k = 1; k <= reach; k++)
        for (int x = 0; x < w; x++) out[x] += taps[k] * (line[x - k] + line[x + k]);
      for (int x = 0; x < w; x++) {
        float v = out[x] * 255;
        plane[y * w + x] = (int)(v > 255 ? 255 : v);
      }
    }
  }
}
