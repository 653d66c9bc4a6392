// The parallel loop on which all kernels are built. lamina/threads.h sets the number of threads.
#pragma once

#include <type_traits>

#include "lamina/threads.h"

namespace lamina::kernels {

namespace detail {
using Chunk = void (*)(void* body, Index chunk);
void run_chunks(Index chunks, Chunk chunk, void* body);
}  // namespace detail

/// Calls body(chunk) once for each chunk of 0 .. chunks - 1, on any thread and in any order, and returns when all are
/// done. Chunks depend on the size of the work alone. They may depend on the number of threads only if no sum crosses
/// them; so results do not depend on which thread computes a chunk. The calling thread computes all chunks itself if it
/// works_alone(), or while another thread is inside parallel_for. Bodies must not throw. A call costs microseconds; for
/// less work than that, call the body directly.
template <class Body>
void parallel_for(Index chunks, Body&& body) {
  using Plain = std::remove_reference_t<Body>;
  if (chunks == 1) {
    body(Index{0});
    return;
  }
  detail::run_chunks(
      chunks, [](void* b, Index chunk) { (*static_cast<Plain*>(b))(chunk); },
      const_cast<void*>(static_cast<const void*>(&body)));
}

}  // namespace lamina::kernels
