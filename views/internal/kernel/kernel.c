#include "cpu.h"
#include "room.h"

void kernel_view(const plan* p, const uint8_t* source, uint8_t* room, float* dst, uint8_t* dst8) {
  const kernels* k = CPU_PICK(&kernels_avx512, &kernels_avx2, &kernels_baseline);
  k->view(p, source, room, dst, dst8);
}

size_t kernel_room(const plan* p) { return room_of(p, NULL).size; }
