#include "room.h"

// choose picks the kernels of the widest instructions that the processor has.
static const kernels *choose(const char **name) {
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
		*name = "AVX-512";
		return &kernels_avx512;
	}
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
		*name = "AVX2";
		return &kernels_avx2;
	}
#endif
	*name = "portable";
	return &kernels_default;
}

static const kernels *chosen;
static const char *chosen_name;

__attribute__((constructor)) static void start(void) { chosen = choose(&chosen_name); }

void kernel_view(const plan *p, const uint8_t *source, uint8_t *room, float *dst, uint8_t *dst8) {
	chosen->view(p, source, room, dst, dst8);
}

size_t kernel_room(const plan *p) { return room_of(p, NULL).size; }

const char *kernel_sets(void) { return chosen_name; }
