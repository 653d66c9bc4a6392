// Threads. Work is cut into chunks by its size alone, and by the number of threads only where the cut changes no sum,
// so that results do not depend on who computes a chunk.
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <vector>

#include "lamina/tensor.h"

namespace lamina::kernels {

/// Threads that parallel_for uses from the next call on, the caller's included; 0, and at the start: LAMINA_NUM_THREADS
/// where that is set, else as many as the process may run on. Throws std::invalid_argument for a number outside 0 to
/// 4096, and for a LAMINA_NUM_THREADS that is none of 1 to 4096.
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

/// Whether this thread does its calls of parallel_for alone: it is inside a body, or in the life of an Alone.
bool works_alone();

/// While one lives, this thread does its calls of parallel_for alone; other threads are not concerned.
class Alone {
 public:
  Alone();
  ~Alone();
  Alone(const Alone&) = delete;
  Alone& operator=(const Alone&) = delete;

 private:
  bool before_;
};

/// What parallel_for throws where its thread is Stoppable and was asked to stop.
struct Stopped : std::exception {
  const char* what() const noexcept override { return "[parallel_for] stopped"; }
};

/// While one lives, this thread's calls of parallel_for look at `asked` between chunks, 50 times a second: where it
/// says so, the chunks left are skipped and the call throws Stopped; what it was to fill is unspecified. `asked` runs
/// on this thread, and must not throw nor call kernels.
class Stoppable {
 public:
  explicit Stoppable(bool (*asked)());
  ~Stoppable();
  Stoppable(const Stoppable&) = delete;
  Stoppable& operator=(const Stoppable&) = delete;

 private:
  friend void detail::run_chunks(Index chunks, detail::Chunk chunk, void* body);
  bool stop();

  bool (*asked_)();
  std::chrono::steady_clock::time_point next_;
  Stoppable* before_;
};

/// Calls job(i) once for each of 0 .. jobs - 1, num_threads() of them at a time, each on one thread, which does the
/// job's calls of parallel_for alone: for whole trainings, not for kernels. Jobs start in their order; a call from
/// inside a body or a job does one after the other. Returns each job's exception, null where it ended well. `done(i)`
/// is called after job i, never two at once; where it throws, no further job starts and the exception reaches the
/// caller.
std::vector<std::exception_ptr> side_by_side(Index jobs, const std::function<void(Index)>& job,
                                             const std::function<void(Index)>& done = {});

}  // namespace lamina::kernels
