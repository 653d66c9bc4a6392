// The machine's memory, and the allocator of tensors.
#pragma once

#include <cstddef>

namespace lamina {

/// The bytes of the machine's memory; infinite where the system does not say.
double machine_memory();

}  // namespace lamina

namespace lamina::detail {

/// A block of memory. Small blocks come from the heap, aligned to 64 bytes. Blocks of 1 MiB and more are rounded up to
/// whole huge pages (2 MiB) and aligned to them, and the system is asked to back them by huge pages: rows that are far
/// apart then need few entries of the TLB.
///
/// A large block that is given back is kept for the next allocation of its size, because the system would clear a fresh
/// one page by page. At most 96 MiB are kept, or a 32nd of the machine's memory if that is less; the oldest blocks are
/// released first. When the system has no memory left for a tensor, all kept blocks are released. lamina cannot know
/// when other programs, or a container's limit, would need them.
struct Memory {
  void* start = nullptr;
  std::size_t bytes = 0;  ///< at least as many as were requested
};

#if defined(__SANITIZE_ADDRESS__)
#define LAMINA_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LAMINA_ADDRESS_SANITIZER 1
#endif
#endif
#if defined(LAMINA_ADDRESS_SANITIZER)
inline constexpr bool kKeepsMemory = false;  // so that the sanitizer finds uses of released memory
#else
inline constexpr bool kKeepsMemory = true;
#endif

/// Throws std::bad_alloc if the system has no memory left.
Memory allocate(std::size_t bytes);
void give_back(Memory memory) noexcept;

}  // namespace lamina::detail
