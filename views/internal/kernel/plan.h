// The description of a view that Go passes to C.
#ifndef PLAN_H
#define PLAN_H

#include <stddef.h>
#include <stdint.h>

enum { STEP_BRIGHTNESS, STEP_CONTRAST, STEP_SATURATION, STEP_HUE, STEP_GRAY, STEP_BLUR, STEP_BLUR23 };

typedef struct {
  int32_t op;
  float argument;
} step;

// plan is kernel.Plan; the two must agree field by field.
typedef struct {
  double x, y, w, h;          // the crop in pixels of the source
  int32_t source_w, source_h; // the source's size
  int32_t out_w, out_h;       // the size that the crop is resized to
  int32_t left, top;          // the corner of the window that becomes the view
  int32_t size_w, size_h;     // the size of the window
  int32_t flip;
  int32_t steps;
  step step[8];
  float scale[9], bias[3]; // colors = scale · (r, g, b) + bias, values 0 … 255
  int32_t patches, patch;  // number of squares to write (0: the whole view), and their side
  int32_t at[9][2];        // their corners
} plan;

typedef struct {
  void (*view)(const plan*, const uint8_t* source, uint8_t* room, float* dst, uint8_t* dst8);
} kernels;

extern const kernels kernels_baseline, kernels_avx2, kernels_avx512;

// kernel_view writes a view to dst, float32 planar. If dst8 is not null, it writes the
// view to dst8 instead, 8-bit interleaved and without the last transform of the colors,
// one patch after the other.
// room has kernel_room(plan) bytes.
void kernel_view(const plan*, const uint8_t* source, uint8_t* room, float* dst, uint8_t* dst8);
size_t kernel_room(const plan*);

#endif
