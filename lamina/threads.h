// How many threads lamina uses, who computes alone, stopping long computations, and whole jobs side by side.
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <vector>

#include "lamina/tensor.h"

namespace lamina {

/// Sets how many threads kernels use from the next call on, the calling thread included. 0, which is also the state at
/// the start: the environment's LAMINA_NUM_THREADS where that is set, else as many as the process may run on. Throws
/// std::invalid_argument for a number outside 0 to 4096, and for a LAMINA_NUM_THREADS outside 1 to 4096.
void set_num_threads(int threads);
int num_threads();

/// While one lives, the kernels that this thread calls compute on this thread only. Other threads are not concerned.
class Alone {
 public:
  Alone();
  ~Alone();
  Alone(const Alone&) = delete;
  Alone& operator=(const Alone&) = delete;

 private:
  bool before_;
};

/// Whether kernels that this thread calls compute on this thread only: an Alone lives, or the thread is already
/// computing a part of a kernel.
bool works_alone();

/// What a kernel throws where a Stoppable lives and was asked to stop.
struct Stopped : std::exception {
  const char* what() const noexcept override { return "[parallel_for] stopped"; }
};

/// While one lives, the kernels that this thread calls call ask() between chunks of work, 50 times a second at
/// most. Where it returns true they skip the chunks that are left and throw Stopped; what they were to fill is then
/// unspecified. ask() runs on this thread; it must not throw and must not call kernels.
class Stoppable {
 public:
  explicit Stoppable(bool (*ask)());
  ~Stoppable();
  Stoppable(const Stoppable&) = delete;
  Stoppable& operator=(const Stoppable&) = delete;

  /// Whether one lives on this thread, and whether that one was asked to stop.
  static bool lives();
  static bool asked();

 private:
  bool (*ask_)();
  std::chrono::steady_clock::time_point next_;  // when to look again
  Stoppable* before_;
};

/// Calls job(i) once for each i of 0 .. jobs - 1, in this order, up to num_threads() of them at a time. Each job runs
/// on one thread, and so do the kernels that it calls: meant for whole trainings, or for reading files. A call from a
/// thread that works_alone() does one job after the other.
/// Returns an exception pointer a job: what the job threw, or null. Where `done` is given, done(i) is called after job
/// i, never two at once; if it throws, no further job starts and the exception reaches the caller.
std::vector<std::exception_ptr> side_by_side(Index jobs, const std::function<void(Index)>& job,
                                             const std::function<void(Index)>& done = {});

}  // namespace lamina
