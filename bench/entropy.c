// How long libjpeg-turbo takes for JPEG files, by stage: the entropy decoding
// alone, which no decoder can leave out, and whole decoding at some scales. What
// it prints bounds what any loader of such files can reach on one core.
//
//	gcc -O2 bench/entropy.c -ljpeg -o entropy && ./entropy photos/*/*.jpg
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <jpeglib.h>

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

// decode decodes a file at eighths/8 into out, or with 0 only its coefficients.
static void decode(const unsigned char* file, size_t length, int eighths, unsigned char* out) {
  struct jpeg_decompress_struct info;
  struct jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, file, length);
  jpeg_read_header(&info, TRUE);
  if (eighths == 0) {
    jpeg_read_coefficients(&info);
  } else {
    info.scale_num = eighths;
    info.scale_denom = 8;
    jpeg_start_decompress(&info);
    size_t stride = (size_t)info.output_width * info.output_components;
    while (info.output_scanline < info.output_height) {
      JSAMPROW row = out + info.output_scanline * stride;
      jpeg_read_scanlines(&info, &row, 1);
    }
  }
  jpeg_destroy_decompress(&info);
}

int main(int argc, char** argv) {
  int n = argc - 1;
  unsigned char **files = malloc(n * sizeof *files), *out = malloc(256 << 20);
  size_t* lengths = malloc(n * sizeof *lengths);
  for (int i = 0; i < n; i++) {
    FILE* f = fopen(argv[i + 1], "rb");
    if (f == NULL) return perror(argv[i + 1]), 1;
    fseek(f, 0, SEEK_END);
    lengths[i] = ftell(f);
    rewind(f);
    files[i] = malloc(lengths[i]);
    if (fread(files[i], 1, lengths[i], f) != lengths[i]) return perror(argv[i + 1]), 1;
    fclose(f);
  }
  const int scales[] = {0, 8, 7, 6, 5, 4};
  for (int s = 0; s < 6; s++) {
    double best = 1e9;
    for (int round = 0; round < 4; round++) {
      double start = seconds();
      for (int i = 0; i < n; i++) decode(files[i], lengths[i], scales[s], out);
      double took = seconds() - start;
      if (took < best) best = took;
    }
    printf(scales[s] ? "scale %d/8      " : "entropy alone  ", scales[s]);
    printf("%.3f ms an image, %.0f images/s\n", 1e3 * best / n, n / best);
  }
  return 0;
}
