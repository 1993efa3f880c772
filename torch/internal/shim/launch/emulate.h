// CUDA C++ on the host: enough of its language to compile kernels as C++ and to run them,
// a block of threads at a time, as tests do. Include it before element.cuh and kernels.
//
// The threads of a block are fibers: one runs until __syncthreads or its end, then the
// next one. The order of the threads between two barriers, and of the blocks, can be
// chosen. A kernel without races gives equal bits in every order.
#pragma once

#include <c10/util/Half.h>
#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#define KERNEL static void
#define DEVICE static inline
#define __shared__ static
#define __launch_bounds__(...)

typedef uint16_t uint16;
typedef uint32_t uint32;
struct alignas(16) uint4 {
  uint32 x, y, z, w;
};
using std::sqrt;

DEVICE float float_of(uint32 bits) {
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}
DEVICE uint32 bits_of(float x) {
  uint32 bits;
  std::memcpy(&bits, &x, 4);
  return bits;
}
DEVICE float half_to_float(uint16 bits) { return c10::Half(bits, c10::Half::from_bits()); }
DEVICE uint16 float_to_half(float x) { return c10::Half(x).x; }

namespace emulate {

struct Index {
  unsigned x, y, z;
};

// How threads take turns: 0 upwards, 1 downwards, others shuffled by this seed.
inline unsigned order = 0;

inline Index thread, block; // of the fiber that runs

class Blocks {
 public:
  // Runs body as every thread of every block of the grid.
  static void run(const unsigned grid[3], unsigned threads, const std::function<void()>& body) {
    static Blocks it;
    it.body_ = &body;
    it.fibers_.resize(std::max<size_t>(it.fibers_.size(), threads));
    const unsigned count = grid[0] * grid[1] * grid[2];
    for (unsigned b : it.turns(count)) {
      block = {b % grid[0], b / grid[0] % grid[1], b / grid[0] / grid[1]};
      it.run_block(threads);
    }
  }

  static void barrier() {
    Fiber& self = *running_;
    swapcontext(&self.context, &scheduler_);
  }

 private:
  struct Fiber {
    ucontext_t context;
    std::unique_ptr<char[]> stack;
    bool done;
  };

  std::vector<Fiber> fibers_;
  const std::function<void()>* body_;
  static inline Fiber* running_;
  static inline ucontext_t scheduler_;
  std::mt19937 random_;

  std::vector<unsigned> turns(unsigned count) {
    std::vector<unsigned> all(count);
    for (unsigned i = 0; i < count; i++) all[i] = order == 1 ? count - 1 - i : i;
    if (order > 1) std::shuffle(all.begin(), all.end(), random_);
    return all;
  }

  static void start(unsigned low, unsigned high) {
    auto* self = reinterpret_cast<Blocks*>(uintptr_t(low) | uintptr_t(high) << 32);
    (*self->body_)();
    running_->done = true;
    swapcontext(&running_->context, &scheduler_);
  }

  void run_block(unsigned threads) {
    constexpr size_t size = 64 << 10;
    random_.seed(order);
    for (unsigned t = 0; t < threads; t++) {
      Fiber& f = fibers_[t];
      if (!f.stack) f.stack = std::make_unique<char[]>(size);
      f.done = false;
      getcontext(&f.context);
      f.context.uc_stack.ss_sp = f.stack.get();
      f.context.uc_stack.ss_size = size;
      f.context.uc_link = nullptr;
      const auto self = reinterpret_cast<uintptr_t>(this);
      makecontext(&f.context, reinterpret_cast<void (*)()>(start), 2, static_cast<unsigned>(self),
                  static_cast<unsigned>(self >> 32));
    }
    for (unsigned done = 0; done < threads;) {
      unsigned ended = 0;
      for (unsigned t : turns(threads)) {
        thread = {t, 0, 0};
        running_ = &fibers_[t];
        swapcontext(&scheduler_, &fibers_[t].context);
        ended += fibers_[t].done;
      }
      done = ended;
      if (ended == 0 || ended == threads) continue;
      std::fprintf(stderr, "emulate: %u of %u threads ended before a barrier of the others\n", ended, threads);
      std::abort();
    }
  }
};

} // namespace emulate

#define threadIdx emulate::thread
#define blockIdx emulate::block
#define __syncthreads emulate::Blocks::barrier
