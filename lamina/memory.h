// Where tensors' memory comes from, and what becomes of it when they end.
#pragma once

#include <cstddef>

namespace lamina::detail {

/// Small blocks come from the heap, aligned to 64 bytes. Blocks of a MiB and more are whole large pages (2 MiB) of the
/// system, aligned to them, and the system is asked for large pages to back them: rows that lie far apart then need
/// few entries of the processor's page table cache.
///
/// A large block that is given back is kept for the next allocation of its size, because the system would clear a fresh
/// one page by page. Kept are 96 MiB at most, or a 32nd of the machine's memory where that is less, the oldest blocks
/// going first. When the system has no more memory for a tensor, the kept blocks go back to it; lamina cannot know
/// when other programs, or a container's limit, would need them.
struct Memory {
  void* start = nullptr;
  std::size_t bytes = 0;  ///< at least as many as were asked for
};

#if defined(__SANITIZE_ADDRESS__)
#define LAMINA_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LAMINA_ADDRESS_SANITIZER 1
#endif
#endif
#if defined(LAMINA_ADDRESS_SANITIZER)
inline constexpr bool kKeepsMemory = false;  // so that the sanitizer finds uses of memory that was given back
#else
inline constexpr bool kKeepsMemory = true;
#endif

/// Throws std::bad_alloc where the system has no more memory.
Memory allocate(std::size_t bytes);
void give_back(Memory memory) noexcept;

}  // namespace lamina::detail
