#include "lamina/memory.h"

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <mutex>
#include <new>

namespace lamina {
namespace {

constexpr std::size_t kLine = 64, kLarge = std::size_t{1} << 20, kLargePage = std::size_t{1} << 21;
constexpr std::size_t kMostBlocks = 48;

std::align_val_t alignment_of(std::size_t bytes) { return std::align_val_t{bytes < kLarge ? kLine : kLargePage}; }

// If memory is kept, large blocks come from mmap and go back by munmap. Kept blocks of the heap would prevent the free
// memory between them from returning to the system.
#if defined(__linux__)
constexpr bool kMapped = detail::kKeepsMemory;
#else
constexpr bool kMapped = false;
#endif

void* new_block(std::size_t bytes) {
#if defined(__linux__)
  if (kMapped && bytes >= kLarge) {
    void* start = mmap(nullptr, bytes + kLargePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) throw std::bad_alloc();
    const auto at = reinterpret_cast<std::uintptr_t>(start);
    const std::size_t before = (kLargePage - at % kLargePage) % kLargePage;
    char* aligned = static_cast<char*>(start) + before;
    if (before > 0) munmap(start, before);
    munmap(aligned + bytes, kLargePage - before);
    return aligned;
  }
#endif
  return ::operator new(bytes, alignment_of(bytes));
}

void free_block(void* start, std::size_t bytes) {
#if defined(__linux__)
  if (kMapped && bytes >= kLarge) {
    munmap(start, bytes);
    return;
  }
#endif
  ::operator delete(start, alignment_of(bytes));
}

// The most bytes to keep.
std::size_t most_kept() {
  constexpr std::size_t kMost = kMostBlocks * kLargePage;
  return static_cast<std::size_t>(std::min(static_cast<double>(kMost), machine_memory() / 32));
}

// The kept blocks, oldest first. A thread that finds the lock taken does not wait but asks the system instead. So does
// a child process that was forked while the lock was taken.
class Kept {
 public:
  void* take(std::size_t bytes) {
    const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
    if (!lock) return nullptr;
    for (std::size_t i = count_; i-- > 0;)
      if (blocks_[i].bytes == bytes) return remove(i);
    return nullptr;
  }
  // Returns false if the block was not kept.
  bool put(detail::Memory memory) {
    if (memory.bytes > most_) return false;
    const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
    if (!lock) return false;
    free_down_to(most_ - memory.bytes);
    blocks_[count_++] = memory;
    bytes_ += memory.bytes;
    return true;
  }
  // Returns whether there was a block to release.
  bool free_all() {
    const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
    if (!lock || count_ == 0) return false;
    free_down_to(0);
    return true;
  }

 private:
  void free_down_to(std::size_t bytes) {
    while (bytes_ > bytes) {
      const std::size_t of_first = blocks_[0].bytes;
      free_block(remove(0), of_first);
    }
  }
  void* remove(std::size_t i) {
    void* start = blocks_[i].start;
    bytes_ -= blocks_[i].bytes;
    std::move(blocks_.begin() + static_cast<std::ptrdiff_t>(i) + 1,
              blocks_.begin() + static_cast<std::ptrdiff_t>(count_), blocks_.begin() + static_cast<std::ptrdiff_t>(i));
    --count_;
    return start;
  }

  const std::size_t most_ = most_kept();
  std::mutex mutex_;
  std::array<detail::Memory, kMostBlocks> blocks_;  // never full: each block is a huge page or more
  std::size_t count_ = 0, bytes_ = 0;
};

Kept& kept() {
  static Kept& kept = *new Kept;  // never destroyed: tensors may outlive any static object
  return kept;
}

void* from_system(std::size_t bytes) {
  try {
    return new_block(bytes);
  } catch (const std::bad_alloc&) {
    if (!kept().free_all()) throw;
    return new_block(bytes);
  }
}

}  // namespace

double machine_memory() {
#if defined(__linux__)
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  if (pages > 0 && page > 0) return static_cast<double>(pages) * static_cast<double>(page);
#endif
  return std::numeric_limits<double>::infinity();
}

detail::Memory detail::allocate(std::size_t bytes) {
  if (bytes < kLarge) return {from_system(bytes), bytes};
  bytes = (bytes + kLargePage - 1) / kLargePage * kLargePage;  // only whole huge pages are backed by one
  if (kKeepsMemory)
    if (void* start = kept().take(bytes)) return {start, bytes};
  void* start = from_system(bytes);
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  madvise(start, bytes, MADV_HUGEPAGE);  // has no effect if the system has no huge pages
#endif
  return {start, bytes};
}

void detail::give_back(Memory memory) noexcept {
  if (kKeepsMemory && memory.bytes >= kLarge && kept().put(memory)) return;
  free_block(memory.start, memory.bytes);
}

}  // namespace lamina
