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

// kernel_use takes narrower instructions than the widest, 0 being portable: for
// tests. It says whether the processor has them.
int kernel_use(int set) {
	if (set == 0) chosen = &kernels_default, chosen_name = "portable";
#ifdef __x86_64__
	else if (set == 1 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) chosen = &kernels_avx2, chosen_name = "AVX2";
#endif
	else if (set == 2) start();
	else return 0;
	return 1;
}

void kernel_view(const plan *p, const uint8_t *source, uint8_t *room, float *dst, uint8_t *dst8) {
	chosen->view(p, source, room, dst, dst8);
}

size_t kernel_room(const plan *p) { return room_of(p, NULL).size; }

const char *kernel_sets(void) { return chosen_name; }
