// The memory of tensors on the CPU. Large blocks have a heap of their own. In the C library's, which never
// shrinks here (package malloc), small blocks between large ones split it, so that a step takes a third more.
#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <c10/util/Exception.h>
#include <sys/mman.h>

#include <atomic>
#include <iterator>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "internal.h"
#include "version.h"

namespace {

// Blocks that are not smaller than `large`, in one range of addresses that grows. What is freed joins free
// neighbors and serves the next that fits best. Nothing is returned to the system, so that no step pays for
// pages a second time.
class Arena {
 public:
  static constexpr size_t large = 1 << 20;

  // Returns nullptr if the machine has no memory for it.
  void* take(size_t bytes) {
    const size_t size = rounded(bytes);
    const std::lock_guard<std::mutex> lock(mutex);
    if (!begin && !reserve()) return nullptr;
    const auto fit = by_size.lower_bound({size, nullptr});
    if (fit != by_size.end()) {
      const auto [all, start] = *fit;
      remove(start, all);
      if (all > size) add(start + size, all - size);
      return start;
    }
    char* start = top;
    if (!by_start.empty()) { // the last free block grows
      const auto& [last, size_of_last] = *by_start.rbegin();
      if (last + size_of_last == top) start = last;
    }
    char* end = start + size;
    if (end > limit || !open_to(end)) return nullptr;
    if (start != top) remove(start, static_cast<size_t>(top - start));
    top = end;
    return start;
  }

  void give(void* block, size_t bytes) {
    auto* start = static_cast<char*>(block);
    size_t size = rounded(bytes);
    const std::lock_guard<std::mutex> lock(mutex);
    auto next = by_start.lower_bound(start);
    if (next != by_start.begin()) {
      const auto [before, n] = *std::prev(next);
      if (before + n == start) {
        remove(before, n);
        start = before;
        size += n;
      }
    }
    next = by_start.lower_bound(start);
    if (next != by_start.end() && start + size == next->first) {
      const auto [after, n] = *next;
      remove(after, n);
      size += n;
    }
    add(start, size);
  }

 private:
  // Sizes are multiples of 65 cache lines: blocks that all began at the same place of a page would compete for
  // the same lines of the caches.
  static size_t rounded(size_t bytes) {
    constexpr size_t step = 65 * 64;
    return (bytes + step - 1) / step * step;
  }

  // Makes what lies before end ready for use.
  bool open_to(char* end) {
    constexpr size_t pages = 2 << 20;
    if (end <= ready) return true;
    const size_t size = (static_cast<size_t>(end - ready) + pages - 1) / pages * pages;
    if (mprotect(ready, size, PROT_READ | PROT_WRITE) != 0) return false;
    ready += size;
    return true;
  }

  // Reserves addresses, which takes no memory: 4 TB, or less where a limit forbids it.
  bool reserve() {
    for (size_t size = size_t{4} << 40; size >= size_t{1} << 30; size /= 2) {
      void* start = mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (start == MAP_FAILED) continue;
      begin = top = ready = static_cast<char*>(start);
      limit = begin + size - (2 << 20);
      return true;
    }
    return false;
  }

  void add(char* start, size_t size) {
    by_start[start] = size;
    by_size.insert({size, start});
  }

  void remove(char* start, size_t size) {
    by_start.erase(start);
    by_size.erase({size, start});
  }

  std::mutex mutex;
  char *begin = nullptr, *top = nullptr, *ready = nullptr, *limit = nullptr;
  std::map<char*, size_t> by_start; // free blocks
  std::set<std::pair<size_t, char*>> by_size;
};

// Hands out all memory of tensors on the CPU and counts it. The size of a block is stored in front of
// it, because some kernels (oneDNN's scratchpads) require a block's context to be its address.
struct Blocks final : c10::Allocator {
  static constexpr size_t header = 64; // keeps the alignment
  mutable Arena arena;
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
    if (size < Arena::large) c10::free_cpu(base);
    else instance().arena.give(base, size);
  }

#if AT_LEAST(2, 3)
  c10::DataPtr allocate(size_t bytes) override {
#else
  c10::DataPtr allocate(size_t bytes) const override {
#endif
    if (bytes == 0) return {nullptr, nullptr, &release, c10::Device(c10::kCPU)};
    const size_t size = bytes + header;
    auto* base = static_cast<char*>(size < Arena::large ? c10::alloc_cpu(size) : arena.take(size));
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
