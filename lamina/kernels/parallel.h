// Threads. Work is cut into chunks by its size alone, never by the number of threads, so that results do not
// depend on who computes a chunk.
#pragma once

#include "lamina/tensor.h"

namespace lamina::kernels {

/// Threads that parallel_for uses from the next call on, the caller's included; 0: as many as the process may run
/// on (at the start: LAMINA_NUM_THREADS or that). Throws std::invalid_argument for a negative number.
void set_num_threads(int threads);
int num_threads();

namespace detail {
using Chunk = void (*)(void* body, Index chunk);
void run_chunks(Index chunks, Chunk chunk, void* body);
}  // namespace detail

/// Calls body(chunk) once for each of 0 .. chunks - 1, on any thread, in any order, and returns when all are done.
/// A call from inside a body, or while another thread's call runs, is done by the caller alone. Bodies must not
/// throw. Costs microseconds; for less work than that, call the body directly.
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
