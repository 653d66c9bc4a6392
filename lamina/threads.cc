#include "lamina/threads.h"

#if defined(__linux__)
#include <sched.h>
#endif

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "lamina/check.h"
#include "lamina/cpu_quota.h"

namespace lamina {
namespace {

constexpr std::chrono::milliseconds kPatience{20};  // between two calls of Stoppable's ask()

std::atomic<int> chosen{0};  // the number of threads; 0 until it is first needed
thread_local bool alone = false;
thread_local Stoppable* stoppable = nullptr;

int available_cores() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return CPU_COUNT(&set);
#endif
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

// The number that an environment variable gives; 0 if it is not set.
int from_environment(const char* name) {
  const char* text = std::getenv(name);
  if (!text || !*text) return 0;
  char* end = nullptr;
  const long threads = std::strtol(text, &end, 10);
  if (*end || threads < 1 || threads > 4096)
    fail("num_threads", "expected ", name, " to be a number of threads, 1 to 4096, got '", text, "'");
  return static_cast<int>(threads);
}

int processors() {
  const int cores = available_cores();
  const std::optional<double> quota = cpu_quota();
  return quota ? std::clamp(static_cast<int>(std::ceil(*quota)), 1, cores) : cores;
}

int default_threads() {
  const int asked = from_environment("LAMINA_NUM_THREADS");
  return asked > 0 ? asked : processors();
}

int most_threads() {
  const int asked = from_environment("LAMINA_MOST_THREADS");
  return asked > 0 ? asked : processors();
}

}  // namespace

void set_num_threads(int threads) {
  if (threads < 0 || threads > 4096) fail("set_num_threads", "expected 0 to 4096 threads, got ", threads);
  chosen = threads == 0 ? default_threads() : threads;
}

int num_threads() {
  int threads = chosen;
  if (threads == 0) {
    const int by_default = default_threads();
    if (chosen.compare_exchange_strong(threads, by_default)) threads = by_default;
  }
  return threads;
}

int used_threads() {
  static const int most = most_threads();
  return std::min(num_threads(), most);
}

Alone::Alone() : before_(std::exchange(alone, true)) {}
Alone::~Alone() { alone = before_; }

bool works_alone() { return alone; }

Stoppable::Stoppable(bool (*ask)())
    : ask_(ask), next_(std::chrono::steady_clock::now() + kPatience), before_(std::exchange(stoppable, this)) {}
Stoppable::~Stoppable() { stoppable = before_; }

bool Stoppable::lives() { return stoppable != nullptr; }

bool Stoppable::asked() {
  if (!stoppable) return false;
  const auto now = std::chrono::steady_clock::now();
  if (now < stoppable->next_) return false;
  stoppable->next_ = now + kPatience;
  return stoppable->ask_();
}

void Stoppable::check() {
  if (asked()) throw Stopped();
}

std::vector<std::exception_ptr> side_by_side(Index jobs, const std::function<void(Index)>& job,
                                             const std::function<void(Index)>& done) {
  std::vector<std::exception_ptr> errors(static_cast<std::size_t>(std::max<Index>(jobs, 0)));
  std::atomic<Index> next{0};
  std::mutex telling;
  std::exception_ptr from_done;
  const auto work = [&] {
    const Alone one_thread;
    for (Index i; (i = next.fetch_add(1)) < jobs;) {
      try {
        job(i);
      } catch (...) {
        errors[static_cast<std::size_t>(i)] = std::current_exception();
      }
      if (!done) continue;
      const std::lock_guard<std::mutex> lock(telling);
      if (from_done) return;
      try {
        done(i);
      } catch (...) {
        from_done = std::current_exception();
        next.store(jobs);
      }
    }
  };
  std::vector<std::thread> threads;
  const Index others = works_alone() ? 0 : std::min<Index>(jobs, used_threads()) - 1;
  try {
    for (Index i = 0; i < others; ++i) threads.emplace_back(work);
  } catch (const std::system_error&) {  // the system gives no more threads: those that run do all jobs
  }
  work();
  for (std::thread& thread : threads) thread.join();
  if (from_done) std::rethrow_exception(from_done);
  return errors;
}

}  // namespace lamina
