// Colour operations on planes, included once for each instruction set: the
// arithmetic of the plain path, so that the values are the same.

static inline uint8_t blend(float a, float b, float f) {
	float v = a + f * (b - a);
	v = v < 0 ? 0 : v;
	v = v > 255 ? 255 : v;
	return (int)v;
}

static inline int luma(int r, int g, int b) { return (19595 * r + 38470 * g + 7471 * b + 32768) >> 16; }

static void blend_all(uint8_t *restrict v, int n, float a, float f) {
	for (int i = 0; i < n; i++) v[i] = blend(a, v[i], f);
}

static void saturation(uint8_t *restrict r, uint8_t *restrict g, uint8_t *restrict b, int n, float f) {
	for (int i = 0; i < n; i++) {
		float l = luma(r[i], g[i], b[i]);
		r[i] = blend(l, r[i], f);
		g[i] = blend(l, g[i], f);
		b[i] = blend(l, b[i], f);
	}
}

static void gray(uint8_t *restrict r, uint8_t *restrict g, uint8_t *restrict b, int n) {
	for (int i = 0; i < n; i++) r[i] = g[i] = b[i] = luma(r[i], g[i], b[i]);
}

static uint64_t luma_sum(const uint8_t *restrict r, const uint8_t *restrict g, const uint8_t *restrict b, int n) {
	uint32_t sum = 0; // n is at most CHUNK
	for (int i = 0; i < n; i++) sum += luma(r[i], g[i], b[i]);
	return sum;
}

// hue turns the hue by shift/256 in 8-bit HSV. The forward half takes double
// precision where Pillow does, since a hue that is one off is up to six levels;
// the way back cannot round the other way in float by more than one.
static void hue(uint8_t *restrict r, uint8_t *restrict g, uint8_t *restrict b, int n, int shift) {
	for (int i = 0; i < n; i++) {
		int ri = r[i], gi = g[i], bi = b[i];
		int hi = ri > gi ? ri : gi, lo = ri < gi ? ri : gi;
		hi = hi > bi ? hi : bi;
		lo = lo < bi ? lo : bi;
		int range = hi - lo;
		float cr = range > 0 ? range : 1;
		float rc = (float)(hi - ri) / cr, gc = (float)(hi - gi) / cr, bc = (float)(hi - bi) / cr;
		int isr = ri == hi, isg = gi == hi;
		float base = isr ? 0 : isg ? 2 : 4;
		float plus = isr ? bc : isg ? rc : gc, minus = isr ? gc : isg ? bc : rc;
		float h6 = (float)((double)base + (double)plus - (double)minus);
		double turn = (double)h6 / 6 + 1;
		float part = (float)(turn - (turn >= 1 ? 1 : 0));
		int h = ((int)((double)part * 255) + shift) & 255;
		float value = hi;
		int s = (int)((double)((float)range / (value > 0 ? value : 1)) * 255);

		int h6i = h * 6;
		int sector = (h6i * 257 + 257) >> 16; // h6i / 255
		float f = (float)(h6i - 255 * sector) * (1 / 255.f);
		float fs = (float)s * (1 / 255.f);
		int p = (int)(value * (1 - fs) + 0.5f);
		int q = (int)(value * (1 - fs * f) + 0.5f);
		int t = (int)(value * (1 - fs * (1 - f)) + 0.5f);
		sector = sector == 6 ? 0 : sector;
		r[i] = sector == 0 || sector == 5 ? hi : sector == 1 ? q : sector == 4 ? t : p;
		g[i] = sector == 1 || sector == 2 ? hi : sector == 0 ? t : sector == 3 ? q : p;
		b[i] = sector == 3 || sector == 4 ? hi : sector == 2 ? t : sector == 5 ? q : p;
	}
}
