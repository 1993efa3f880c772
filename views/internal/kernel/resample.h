// Separable resampling of a crop with antialiasing, included once for each instruction
// set. It uses Pillow's integer arithmetic, so the values equal those of the plain path
// bit for bit. Cheaper rounding would be possible, but a difference of one becomes up to
// nine when the hue is shifted in 8 bits afterwards.

typedef int32_t v4 __attribute__((vector_size(16)));
typedef uint8_t v4b __attribute__((vector_size(4)));

enum { PRECISION = 22 };

// triangle computes the weights of a bilinear resize with antialiasing of the source
// pixels start … start+span to out pixels, in units of 2^-PRECISION, for the outputs
// offset … offset+count-1. first receives the first source pixel of each. All have the
// same number of weights, which it returns. The source ends before pixel limit.
static int triangle(int32_t* first, int32_t* weights, double start, double span, int limit, int out, int offset,
                    int count) {
  double scale = span / out, support = scale > 1 ? scale : 1;
  int base = (int)start, to = (int)ceil(start + span - 1e-9);
  if (to > limit) to = limit;
  start -= base; // as if the crop had been cut out
  to -= base;
  int taps = 0;
  for (int x = 0; x < count; x++) {
    double center = start + (x + offset + 0.5) * scale;
    int lo = (int)(center - support + 0.5), hi = (int)(center + support + 0.5);
    if (center - support + 0.5 < 0) lo = 0;
    if (lo > to - 1) lo = to - 1;
    if (hi > to) hi = to;
    if (hi <= lo) hi = lo + 1;
    first[x] = lo;
    if (hi - lo > taps) taps = hi - lo;
  }
  for (int x = 0; x < count; x++) {
    double center = start + (x + offset + 0.5) * scale, w[taps], sum = 0;
    if (first[x] + taps > to) first[x] = to - taps;
    for (int k = 0; k < taps; k++) {
      w[k] = 1 - fabs((first[x] + k - center + 0.5) / support);
      w[k] = w[k] > 0 ? w[k] : 0;
      sum += w[k];
    }
    for (int k = 0; k < taps; k++)
      weights[x * taps + k] = (int)((sum > 0 ? w[k] / sum : k == 0) * (1 << PRECISION) + 0.5);
    first[x] += base;
  }
  return taps;
}

static inline uint8_t rounded(int32_t sum) {
  sum >>= PRECISION;
  return sum < 0 ? 0 : sum > 255 ? 255 : sum;
}

// pixel returns the weighted sum of n pixels of a row. The fourth lane is unused: it mixes
// in values of the next pixels.
static inline __attribute__((always_inline)) v4 pixel(const uint8_t* p, const int32_t* w, int n) {
  v4 sum = {1 << (PRECISION - 1), 1 << (PRECISION - 1), 1 << (PRECISION - 1), 1 << (PRECISION - 1)};
  for (int k = 0; k < n; k++) {
    v4b b;
    memcpy(&b, p + 3 * k, 4);
    sum += w[k] * __builtin_convertvector(b, v4);
  }
  return sum;
}

static inline __attribute__((always_inline)) void across_n(int32_t* const line[3], const uint8_t* row,
                                                           const int32_t* first, const int32_t* w, int n, int count) {
  for (int x = 0; x < count; x += 4) {
    v4 p[4];
    for (int j = 0; j < 4; j++) {
      int i = x + j < count ? x + j : count - 1;
      p[j] = pixel(row + 3 * first[i], w + i * n, n);
    }
    // transpose to channels
    v4 a = __builtin_shuffle(p[0], p[1], (v4){0, 4, 1, 5}), b = __builtin_shuffle(p[2], p[3], (v4){0, 4, 1, 5});
    v4 c = __builtin_shuffle(p[0], p[1], (v4){2, 6, 3, 7}), d = __builtin_shuffle(p[2], p[3], (v4){2, 6, 3, 7});
    v4 red = __builtin_shuffle(a, b, (v4){0, 1, 4, 5}), green = __builtin_shuffle(a, b, (v4){2, 3, 6, 7}),
       blue = __builtin_shuffle(c, d, (v4){0, 1, 4, 5});
    memcpy(line[0] + x, &red, 16);
    memcpy(line[1] + x, &green, 16);
    memcpy(line[2] + x, &blue, 16);
  }
}

// across resizes a row to sums for each channel.
static void across(int32_t* const line[3], const uint8_t* row, const int32_t* first, const int32_t* w, int n,
                   int count) {
  switch (n) { // common numbers of weights get loops without branches
    case 1: across_n(line, row, first, w, 1, count); break;
    case 2: across_n(line, row, first, w, 2, count); break;
    case 3: across_n(line, row, first, w, 3, count); break;
    case 4: across_n(line, row, first, w, 4, count); break;
    case 5: across_n(line, row, first, w, 5, count); break;
    default: across_n(line, row, first, w, n, count);
  }
}

// down_n returns the weighted sum of n rows that are stride values apart.
static inline __attribute__((always_inline)) void down_n(uint8_t* restrict out, const uint8_t* restrict src,
                                                         size_t stride, const int32_t* w, int n, int count) {
  for (int i = 0; i < count; i++) {
    int32_t sum = 1 << (PRECISION - 1);
    for (int k = 0; k < n; k++) sum += w[k] * src[i + k * stride];
    out[i] = rounded(sum);
  }
}

static void down(uint8_t* out, const uint8_t* src, size_t stride, const int32_t* w, int n, int count) {
  switch (n) {
    case 1: memcpy(out, src, count); break;
    case 2: down_n(out, src, stride, w, 2, count); break;
    case 3: down_n(out, src, stride, w, 3, count); break;
    case 4: down_n(out, src, stride, w, 4, count); break;
    case 5: down_n(out, src, stride, w, 5, count); break;
    default: down_n(out, src, stride, w, n, count);
  }
}

// mirror reverses the order of output columns, which mirrors the view.
static void mirror(int32_t* first, int32_t* weights, int taps, int count) {
  for (int a = 0, b = count - 1; a < b; a++, b--) {
    int32_t f = first[a];
    first[a] = first[b];
    first[b] = f;
    for (int k = 0; k < taps; k++) {
      int32_t w = weights[a * taps + k];
      weights[a * taps + k] = weights[b * taps + k];
      weights[b * taps + k] = w;
    }
  }
}

// resample writes the resized crop to the planes.
static void resample(const plan* p, const room* r, const uint8_t* src) {
  int nx = triangle(r->first_x, r->weight_x, p->x, p->w, p->source_w, p->out_w, p->left, p->size_w);
  int ny = triangle(r->first_y, r->weight_y, p->y, p->h, p->source_h, p->out_h, p->top, p->size_h);
  if (p->flip) mirror(r->first_x, r->weight_x, nx, p->size_w);
  int top = r->first_y[0], rows = r->first_y[p->size_h - 1] + ny - top, w = p->size_w;
  for (int y = 0; y < rows; y++) {
    const uint8_t* row = src + 3 * (size_t)p->source_w * (top + y);
    // Loads read four bytes but a pixel has three. The last row is copied, so that no
    // load reaches beyond the image.
    if (top + y == p->source_h - 1) row = memcpy(r->row, row, 3 * (size_t)p->source_w);
    across(r->line, row, r->first_x, r->weight_x, nx, w);
    for (int c = 0; c < 3; c++) {
      const int32_t* restrict line = r->line[c];
      uint8_t* restrict out = r->tall[c] + (size_t)y * w;
      for (int x = 0; x < w; x++) out[x] = rounded(line[x]);
    }
  }
  for (int c = 0; c < 3; c++)
    for (int y = 0; y < p->size_h; y++)
      down(r->planes[c] + y * w, r->tall[c] + (r->first_y[y] - top) * (size_t)w, w, r->weight_y + y * ny, ny, w);
}
