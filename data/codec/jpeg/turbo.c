#include "turbo.h"

#include <setjmp.h>
#include <stdio.h>
#include <jpeglib.h>
#include <jerror.h>

// turbo is created for every file, which takes microseconds. A reused one would apply
// tables of the previous file to a file that lacks them.
typedef struct {
  struct jpeg_decompress_struct info;
  struct jpeg_error_mgr errors;
  jmp_buf escape;
  turbo_part* part;
} turbo;

// describe stores the library's message.
static void describe(j_common_ptr info) {
  turbo* t = info->client_data;
  char text[JMSG_LENGTH_MAX];
  info->err->format_message(info, text);
  snprintf(t->part->message, sizeof t->part->message, "%s", text);
}

static void fail(j_common_ptr info) {
  turbo* t = info->client_data;
  describe(info);
  longjmp(t->escape, 1);
}

// Small damage is only a warning, but a truncated file is an error: training on it would
// see gray pixels.
static void warn(j_common_ptr info, int level) {
  if (level >= 0) return;
  if (info->err->msg_code == JWRN_JPEG_EOF) fail(info);
  turbo* t = info->client_data;
  if (!t->part->warned) describe(info);
  t->part->warned = 1;
}

static int smaller(int a, int b) { return a < b ? a : b; }
static int larger(int a, int b) { return a > b ? a : b; }

// skip skips rows that are not needed.
static void skip(struct jpeg_decompress_struct* info, int rows) {
  if (rows > 0) jpeg_skip_scanlines(info, rows);
}

int turbo_decode(const uint8_t* file, size_t length, int x, int y, int width, int height, int eighths, uint8_t* dst,
                 size_t room, turbo_part* part) {
  turbo t = {.part = part};
  part->warned = 0;
  struct jpeg_decompress_struct* info = &t.info;
  info->err = jpeg_std_error(&t.errors);
  t.errors.error_exit = fail;
  t.errors.emit_message = warn;
  info->client_data = &t;
  if (setjmp(t.escape)) {
    jpeg_destroy_decompress(info);
    return TURBO_ERROR;
  }
  jpeg_create_decompress(info);
  jpeg_mem_src(info, file, length);
  jpeg_read_header(info, TRUE);
  part->cmyk = info->jpeg_color_space == JCS_CMYK || info->jpeg_color_space == JCS_YCCK;
  info->out_color_space = part->cmyk ? JCS_CMYK : JCS_RGB;
  info->dct_method = JDCT_ISLOW;
  info->scale_num = eighths;
  info->scale_denom = 8;
  jpeg_calc_output_dimensions(info);

  int channels = part->cmyk ? 4 : 3;
  int x0 = 0, y0 = 0, x1 = info->output_width, y1 = info->output_height;
  if (width > 0) {
    // The caller parsed the header itself, and a forged file may give it another size.
    if (x < 0 || y < 0 || height < 1 || width > (int)info->image_width - x || height > (int)info->image_height - y) {
      snprintf(part->message, sizeof part->message,
               "its header is contradictory: %d x %d from %d, %d are not within %u x %u pixels", width, height, x, y,
               info->image_width, info->image_height);
      jpeg_destroy_decompress(info);
      return TURBO_ERROR;
    }
    // Chroma upsampling uses neighboring pixels, which the border of a decoded part
    // lacks. Decode two more pixels on each side, so that the requested ones are as
    // in the whole image.
    x0 = larger(0, x * eighths / 8 - 2);
    y0 = larger(0, y * eighths / 8 - 2);
    x1 = smaller(x1, ((x + width) * eighths + 7) / 8 + 2);
    y1 = smaller(y1, ((y + height) * eighths + 7) / 8 + 2);
  }
  // The largest possible size of the part, before it is aligned to blocks. It is
  // known before decoding starts.
  int block = info->max_h_samp_factor * DCTSIZE;
  part->size = (size_t)channels * smaller(info->output_width, x1 - x0 + 2 * block) * (y1 - y0);
  if (part->size > room) {
    jpeg_destroy_decompress(info);
    return TURBO_ROOM;
  }

  jpeg_start_decompress(info);
  JDIMENSION left = x0, columns = x1 - x0;
  if (width > 0 && columns < info->output_width) jpeg_crop_scanline(info, &left, &columns);
  part->x = left;
  part->y = y0;
  part->width = columns;
  part->height = y1 - y0;
  skip(info, y0);
  size_t stride = (size_t)channels * columns;
  while (info->output_scanline < (JDIMENSION)y1) {
    JSAMPROW rows[8];
    int n = smaller(8, y1 - info->output_scanline);
    for (int i = 0; i < n; i++) rows[i] = dst + (info->output_scanline + i - y0) * stride;
    jpeg_read_scanlines(info, rows, n);
  }
  part->size = stride * part->height;
  // For a whole image, check the end of the file; for a crop, do not.
  if (width == 0) jpeg_finish_decompress(info);
  jpeg_destroy_decompress(info);
  return TURBO_OK;
}
