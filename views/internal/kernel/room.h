// The working memory of a view: parts of one allocation that Go reuses from view to view.
#ifndef ROOM_H
#define ROOM_H

#include "plan.h"

enum { PAD = 64 }; // bytes that vector loads may touch beyond an array's end

typedef struct {
  uint8_t *planes[3], *other[3]; // size_w x size_h each
  uint8_t* tall[3];              // the crop with its columns resized: size_w x source_h at most
  uint8_t* row;                  // a source row
  int32_t* line[3];              // an output row
  int32_t *first_x, *first_y;    // first source pixel of each output pixel
  int32_t *weight_x, *weight_y;
  float *blurred, *lines[2]; // a plane and two rows for the 23-tap blur
  size_t size;
} room;

static inline int most_taps(double scale) { return 2 * (int)((scale > 1 ? scale : 1) + 1) + 1; }

static inline room room_of(const plan* p, uint8_t* base) {
  room r = {0};
  size_t at = 0;
#define TAKE(field, type, count)                             \
  do {                                                       \
    r.field = (type*)(base + at);                            \
    at += ((count) * sizeof(type) + PAD + 63) & ~(size_t)63; \
  } while (0)
  size_t n = (size_t)p->size_w * p->size_h;
  size_t longest = p->size_w > p->size_h ? p->size_w : p->size_h;
  int blurs = 0;
  for (int i = 0; i < p->steps; i++) blurs |= p->step[i].op == STEP_BLUR23;
  for (int c = 0; c < 3; c++) {
    TAKE(planes[c], uint8_t, n);
    TAKE(other[c], uint8_t, n);
    TAKE(line[c], int32_t, longest + 64);
    TAKE(tall[c], uint8_t, (size_t)p->size_w * (size_t)(p->h + 4));
  }
  TAKE(row, uint8_t, 3 * (size_t)p->source_w);
  TAKE(first_x, int32_t, p->size_w);
  TAKE(first_y, int32_t, p->size_h);
  TAKE(weight_x, int32_t, (size_t)p->size_w * most_taps(p->w / p->out_w));
  TAKE(weight_y, int32_t, (size_t)p->size_h * most_taps(p->h / p->out_h));
  if (blurs) {
    TAKE(blurred, float, n);
    for (int i = 0; i < 2; i++) TAKE(lines[i], float, longest + 64);
  }
  r.size = at;
#undef TAKE
  return r;
}

#endif
