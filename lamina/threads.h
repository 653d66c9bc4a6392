// How many threads lamina uses, who computes alone, stopping long computations, and whole jobs side by side.
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <vector>

#include "lamina/tensor.h"

namespace lamina {

/// Sets how many threads kernels use from the next call on, the calling thread included. 0, the initial setting, means
/// the environment variable LAMINA_NUM_THREADS or, if that is not set, the number of processors that the process may
/// use. Throws std::invalid_argument for a number outside 0 to 4096, and for a LAMINA_NUM_THREADS outside 1 to 4096.
void set_num_threads(int threads);
int num_threads();
/// How many threads kernels really use: num_threads(), but no more than there are processors, since threads that take
/// the processors from one another only cost time. The processors are those of the process's affinity or, if that is
/// less, of its control groups' quota, rounded up. The environment variable LAMINA_MOST_THREADS gives another limit.
int used_threads();

/// While an Alone exists, the kernels that its thread calls compute on that thread only. Other threads are not
/// affected.
class Alone {
 public:
  Alone();
  ~Alone();
  Alone(const Alone&) = delete;
  Alone& operator=(const Alone&) = delete;

 private:
  bool before_;
};

/// Whether kernels that this thread calls compute on this thread only: because an Alone exists, or because the thread
/// is already computing a part of a kernel.
bool works_alone();

/// What a kernel throws when a Stoppable asks it to stop.
struct Stopped : std::exception {
  const char* what() const noexcept override { return "[parallel_for] stopped"; }
};

/// While a Stoppable exists, the kernels that its thread calls call ask() between chunks of work, at most 50 times a
/// second. If it returns true, they skip the remaining chunks and throw Stopped, and the content of their outputs is
/// unspecified. ask() runs on this thread. It must not throw and must not call kernels.
class Stoppable {
 public:
  explicit Stoppable(bool (*ask)());
  ~Stoppable();
  Stoppable(const Stoppable&) = delete;
  Stoppable& operator=(const Stoppable&) = delete;

  /// Whether this thread has a Stoppable, and whether that one wants to stop now.
  static bool lives();
  static bool asked();
  /// Throws Stopped where this thread's Stoppable wants to stop now: for long loops that are no kernels.
  static void check();

 private:
  bool (*ask_)();
  std::chrono::steady_clock::time_point next_;  // when to look again
  Stoppable* before_;
};

/// Calls job(i) once for each i of 0 .. jobs - 1. Jobs start in this order, and up to num_threads() of them run at a
/// time. Each job runs on one thread, and so do the kernels that it calls; this is meant for whole trainings, or for
/// reading files. If the calling thread works_alone(), it runs one job after the other.
/// Returns an exception pointer for each job: what the job threw, or null. If `done` is given, done(i) is called after
/// job i, never two at once; if it throws, no further job starts and the exception reaches the caller.
std::vector<std::exception_ptr> side_by_side(Index jobs, const std::function<void(Index)>& job,
                                             const std::function<void(Index)>& done = {});

}  // namespace lamina
