// What the kernels of this project share: the element type, and loads and stores of 16
// bytes. It is compiled by NVRTC, which needs no headers of CUDA, and as C++ after
// emulate.h.
//
// ELEMENT is the type of an element: 0 float, 1 bfloat16, 2 half. VECTOR is the number of
// elements that a thread loads at once: 16 bytes, or 1 where a row does not divide so.
#ifndef ELEMENT
#define ELEMENT 0
#endif
#ifndef VECTOR
#define VECTOR 1
#endif

#ifdef __CUDACC__
#define KERNEL extern "C" __global__ void
#define DEVICE static __device__ __forceinline__
typedef unsigned short uint16;
typedef unsigned int uint32;
DEVICE float float_of(uint32 bits) { return __uint_as_float(bits); }
DEVICE uint32 bits_of(float x) { return __float_as_uint(x); }
DEVICE float half_to_float(uint16 bits) {
  float x;
  asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
  return x;
}
DEVICE uint16 float_to_half(float x) {
  uint16 bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
  return bits;
}
#endif

#if ELEMENT == 0
typedef float Element;
DEVICE float widen(float x) { return x; }
DEVICE void narrow(float x, float& to) { to = x; }
#else
typedef uint16 Element;
#if ELEMENT == 1
DEVICE float widen(uint16 x) { return float_of((uint32)x << 16); }
// Rounds to nearest, ties to even, and keeps NaN.
DEVICE uint32 round_bits(float x) {
  const uint32 bits = bits_of(x);
  return x == x ? (bits + 0x7fff + ((bits >> 16) & 1)) >> 16 : 0x7fc0;
}
#else
DEVICE float widen(uint16 x) { return half_to_float(x); }
DEVICE uint32 round_bits(float x) { return float_to_half(x); }
#endif
DEVICE void narrow(float x, uint16& to) { to = (uint16)round_bits(x); }
#endif

// Elements as they lie in memory, loaded by one instruction, and as numbers.
#if VECTOR == 1
typedef Element Packed;
#else
typedef uint4 Packed;
#endif

DEVICE Packed load(const void* base, long long element) {
  return *reinterpret_cast<const Packed*>(static_cast<const Element*>(base) + element);
}

DEVICE void unpack(const Packed& from, float (&to)[VECTOR]) {
#if VECTOR == 1
  to[0] = widen(from);
#else
  const uint32 words[4] = {from.x, from.y, from.z, from.w};
#pragma unroll
  for (int i = 0; i < 4; i++) {
#if ELEMENT == 0
    to[i] = float_of(words[i]);
#elif ELEMENT == 1
    to[2 * i] = float_of(words[i] << 16);
    to[2 * i + 1] = float_of(words[i] & 0xffff0000u);
#else
    to[2 * i] = widen((uint16)words[i]);
    to[2 * i + 1] = widen((uint16)(words[i] >> 16));
#endif
  }
#endif
}

DEVICE void store(void* base, long long element, const float (&from)[VECTOR]) {
#if VECTOR == 1
  narrow(from[0], static_cast<Element*>(base)[element]);
#else
  uint32 words[4];
#pragma unroll
  for (int i = 0; i < 4; i++) {
#if ELEMENT == 0
    words[i] = bits_of(from[i]);
#else
    words[i] = round_bits(from[2 * i]) | round_bits(from[2 * i + 1]) << 16;
#endif
  }
  const uint4 packed = {words[0], words[1], words[2], words[3]};
  *reinterpret_cast<uint4*>(static_cast<Element*>(base) + element) = packed;
#endif
}
