// A whole view, included once for each instruction set. KERNELS is the name of the table
// that it defines.

#include "room.h"

#include <math.h>
#include <string.h>

#pragma GCC optimize("O3", "no-math-errno", "no-trapping-math", "fp-contract=off")

#include "resample.h"
#include "color.h"
#include "blur.h"

enum { CHUNK = 4096 }; // pixels whose planes fit into the L1 cache

// pointwise applies the steps first … last-1, which use no other pixels, to one chunk
// after the other, and returns the sum of the luma afterwards.
static uint64_t pointwise(const plan* p, const room* room, int first, int last, float mean, int sum) {
  int n = p->size_w * p->size_h;
  uint64_t total = 0;
  for (int at = 0; at < n; at += CHUNK) {
    uint8_t *r = room->planes[0] + at, *g = room->planes[1] + at, *b = room->planes[2] + at;
    int count = n - at < CHUNK ? n - at : CHUNK;
    for (int i = first; i < last; i++) {
      float f = p->step[i].argument;
      switch (p->step[i].op) {
        case STEP_BRIGHTNESS:
        case STEP_CONTRAST: {
          float a = p->step[i].op == STEP_CONTRAST ? mean : 0;
          blend_all(r, count, a, f);
          blend_all(g, count, a, f);
          blend_all(b, count, a, f);
          break;
        }
        case STEP_SATURATION: saturation(r, g, b, count, f); break;
        case STEP_HUE: hue(r, g, b, count, (int)f); break;
        case STEP_GRAY: gray(r, g, b, count); break;
      }
    }
    if (sum) total += luma_sum(r, g, b, count);
  }
  return total;
}

// all applies all steps. Pointwise steps are applied together, up to a contrast, which
// needs the mean of the result so far, or a blur.
static void all(const plan* p, const room* room) {
  int pixels = p->size_w * p->size_h, known = 0;
  float mean = 0;
  for (int i = 0, last; i < p->steps; i = last) {
    last = i + 1;
    int op = p->step[i].op;
    if (op == STEP_BLUR || op == STEP_BLUR23) {
      (op == STEP_BLUR ? blur : blur23)(p, room, p->step[i].argument);
      known = 0;
      continue;
    }
    if (op == STEP_CONTRAST && !known) mean = (int)((double)pointwise(p, room, i, i, 0, 1) / pixels + 0.5);
    while (last < p->steps && p->step[last].op != STEP_CONTRAST && p->step[last].op != STEP_BLUR &&
           p->step[last].op != STEP_BLUR23)
      last++;
    known = last < p->steps && p->step[last].op == STEP_CONTRAST;
    uint64_t sum = pointwise(p, room, i, last, mean, known);
    if (known) mean = (int)((double)sum / pixels + 0.5);
  }
}

// write writes a square of the planes, or all of them, with the last transform of the
// colors.
static void write(const plan* p, const room* room, int x0, int y0, int w, int h, float* restrict dst) {
  size_t n = (size_t)w * h;
  int plain = p->scale[1] == 0 && p->scale[2] == 0 && p->scale[3] == 0 && p->scale[5] == 0 && p->scale[6] == 0 &&
              p->scale[7] == 0;
  for (int y = 0; y < h; y++) {
    size_t from = (size_t)(y0 + y) * p->size_w + x0;
    const uint8_t* restrict r = room->planes[0] + from;
    const uint8_t* restrict g = room->planes[1] + from;
    const uint8_t* restrict b = room->planes[2] + from;
    for (int c = 0; c < 3; c++) {
      float* restrict out = dst + c * n + (size_t)y * w;
      const float *s = p->scale + 3 * c, bias = p->bias[c];
      if (plain) {
        const uint8_t* restrict v = room->planes[c] + from;
        for (int x = 0; x < w; x++) out[x] = s[c] * v[x] + bias;
      } else {
        for (int x = 0; x < w; x++) out[x] = s[0] * r[x] + s[1] * g[x] + s[2] * b[x] + bias;
      }
    }
  }
}

// write8 writes a square of the planes, or all of them, interleaved.
static void write8(const plan* p, const room* room, int x0, int y0, int w, int h, uint8_t* restrict dst) {
  for (int y = 0; y < h; y++) {
    size_t from = (size_t)(y0 + y) * p->size_w + x0;
    const uint8_t* restrict r = room->planes[0] + from;
    const uint8_t* restrict g = room->planes[1] + from;
    const uint8_t* restrict b = room->planes[2] + from;
    uint8_t* restrict out = dst + 3 * (size_t)y * w;
    for (int x = 0; x < w; x++) {
      out[3 * x] = r[x];
      out[3 * x + 1] = g[x];
      out[3 * x + 2] = b[x];
    }
  }
}

static void view(const plan* p, const uint8_t* source, uint8_t* base, float* dst, uint8_t* dst8) {
  room room = room_of(p, base);
  resample(p, &room, source);
  all(p, &room);
  int pieces = p->patches > 0 ? p->patches : 1;
  for (int i = 0; i < pieces; i++) {
    int whole = p->patches == 0, x = whole ? 0 : p->at[i][0], y = whole ? 0 : p->at[i][1];
    int w = whole ? p->size_w : p->patch, h = whole ? p->size_h : p->patch;
    size_t at = (size_t)i * 3 * w * h;
    if (dst8 != NULL) write8(p, &room, x, y, w, h, dst8 + at);
    else write(p, &room, x, y, w, h, dst + at);
  }
}

const kernels KERNELS = {view};
