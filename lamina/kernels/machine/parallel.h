// A loop whose iterations run on several threads: what all kernels are parallel by. lamina/threads.h says how many
// threads there are.
#pragma once

#include <type_traits>

#include "lamina/threads.h"

namespace lamina::kernels {

namespace detail {
using Chunk = void (*)(void* body, Index chunk);
void run_chunks(Index chunks, Chunk chunk, void* body);
}  // namespace detail

/// Calls body(chunk) once for each chunk of 0 .. chunks - 1, on any thread and in any order, and returns when all are
/// done. Kernels cut their work into chunks by its size alone, and by the number of threads only where the cut changes
/// no sum, so that results do not depend on who computes a chunk. A call by a thread that works_alone(), or while
/// another thread's call runs, is computed by the caller alone. Bodies must not throw. A call costs microseconds: for
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
