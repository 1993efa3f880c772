// The memory of tensors on the CPU. Large blocks are mapped one by one and used again: a training
// asks for the same sizes in every step. From the C library's heap, which never shrinks here (package
// malloc), the same step would take a third more, because small blocks between large ones split it.
#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <c10/util/Exception.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <iterator>
#include <list>
#include <mutex>

#include "internal.h"
#include "version.h"

namespace {

// Blocks that are not smaller than `large`. Free ones are kept as long as all together are at most an
// eighth more than what was in use at once at some time. With less, each phase of a step returns the
// blocks of the others and has its own cleared again.
class Mappings {
public:
  static constexpr size_t large = 1 << 20;

  // Rounds up to one of eight sizes between a power of two and the next, so that nearly equal blocks can
  // replace each other. What is not touched takes no memory.
  static size_t rounded(size_t bytes) {
    size_t step = large / 8;
    while (step * 16 <= bytes) step *= 2;
    return (bytes + step - 1) / step * step;
  }

  // Returns nullptr if the machine has no memory for it.
  void* take(size_t bytes) {
    const size_t size = rounded(bytes);
    const std::lock_guard<std::mutex> lock(mutex);
    used += size;
    most = std::max(most, used);
    // The one that was freed last is most likely in the processor's caches.
    const auto found = std::find_if(idle.begin(), idle.end(), [size](const Block& b) { return b.size == size; });
    if (found != idle.end()) {
      void* start = found->start;
      unused -= size;
      idle.erase(found);
      return start;
    }
    while (!idle.empty() && used + unused > most + most / 8) unmap(std::prev(idle.end()));
    void* start = map(size);
    if (start == MAP_FAILED) {
      while (!idle.empty()) unmap(idle.begin());
      start = map(size);
    }
    if (start != MAP_FAILED) return start;
    used -= size;
    return nullptr;
  }

  void give(void* start, size_t bytes) {
    const size_t size = rounded(bytes);
    const std::lock_guard<std::mutex> lock(mutex);
    used -= size;
    unused += size;
    idle.push_front({start, size});
  }

private:
  struct Block {
    void* start;
    size_t size;
  };

  // Maps size bytes. From 4 MB on they begin at a huge page: the kernel clears these in a fraction of
  // the time of small ones.
  static void* map(size_t size) {
    constexpr size_t huge = 2 << 20;
    const size_t room = size < 2 * huge ? size : size + huge;
    void* start = mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED || room == size) return start;
    char* begin = static_cast<char*>(start);
    const size_t before = (huge - reinterpret_cast<uintptr_t>(begin) % huge) % huge;
    if (before > 0) munmap(begin, before);
    munmap(begin + before + size, huge - before);
    madvise(begin + before, size, MADV_HUGEPAGE);
    return begin + before;
  }

  void unmap(std::list<Block>::iterator b) {
    munmap(b->start, b->size);
    unused -= b->size;
    idle.erase(b);
  }

  std::mutex mutex;
  std::list<Block> idle;                 // the one that was freed last is first
  size_t used = 0, unused = 0, most = 0; // bytes
};

// Hands out all memory of tensors on the CPU and counts it. The size of a block is stored in front of
// it, because some kernels (oneDNN's scratchpads) require a block's context to be its address.
struct Blocks final : c10::Allocator {
  static constexpr size_t header = 64; // keeps the alignment
  mutable Mappings mappings;
  mutable std::atomic<int64_t> now{0};
  mutable std::atomic<int64_t> peak{0};

  // It lives as long as the process, because tensors of other static objects may be freed after it.
  static Blocks& instance() {
    static Blocks& it = *new Blocks;
    return it;
  }

  static void release(void* block) {
    if (!block) return;
    auto* base = static_cast<char*>(block) - header;
    const auto bytes = *reinterpret_cast<int64_t*>(base);
    instance().now -= bytes;
    const size_t size = static_cast<size_t>(bytes) + header;
    if (size < Mappings::large) c10::free_cpu(base);
    else instance().mappings.give(base, size);
  }

#if AT_LEAST(2, 3)
  c10::DataPtr allocate(size_t bytes) override {
#else
  c10::DataPtr allocate(size_t bytes) const override {
#endif
    if (bytes == 0) return {nullptr, nullptr, &release, c10::Device(c10::kCPU)};
    const size_t size = bytes + header;
    auto* base = static_cast<char*>(size < Mappings::large ? c10::alloc_cpu(size) : mappings.take(size));
    if (!base) C10_THROW_ERROR(Error, "the machine has no memory for a tensor of " + std::to_string(bytes) + " bytes");
    *reinterpret_cast<int64_t*>(base) = static_cast<int64_t>(bytes);
    int64_t total = now += static_cast<int64_t>(bytes);
    int64_t top = peak;
    while (total > top && !peak.compare_exchange_weak(top, total)) {
    }
    return {base + header, base + header, &release, c10::Device(c10::kCPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &release; }

#if AT_LEAST(2, 3)
  void copy_data(void* to, const void* from, std::size_t bytes) const override { default_copy_data(to, from, bytes); }
#endif
};

[[maybe_unused]] const bool in_use = (c10::SetAllocator(c10::kCPU, &Blocks::instance(), /*priority=*/100), true);

} // namespace

extern "C" int64_t cl_memory_now(void) { return Blocks::instance().now; }
extern "C" int64_t cl_memory_peak(void) { return Blocks::instance().peak; }

extern "C" void cl_memory_reset_peak(void) {
  auto& blocks = Blocks::instance();
  blocks.peak = blocks.now.load();
}
