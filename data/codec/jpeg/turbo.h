// What this package needs of libjpeg-turbo, with its errors as return values:
// the library's jumps never leave this C file.
#include <stddef.h>
#include <stdint.h>

// What turbo_decode leaves behind.
typedef struct {
  int width, height; // of the decoded part
  int x, y;          // its corner in the whole image at the decoded scale
  int cmyk;          // four inverted inks a pixel instead of RGB
  size_t size;       // bytes written, or wanted when there is too little room
  int warned;        // there was damage that the library recovered from
  char message[200]; // what is wrong
} turbo_part;

enum { TURBO_OK, TURBO_ERROR, TURBO_ROOM };

// turbo_decode decodes the part x, y, width, height (at the file's scale) of a
// file, or all of it when width is 0, at the scale of eighths/8. The part grows
// to the borders of the file's blocks. TURBO_ROOM: dst has too little room,
// part->size says how much it takes.
int turbo_decode(const uint8_t* file, size_t length, int x, int y, int width, int height, int eighths, uint8_t* dst,
                 size_t room, turbo_part* part);
