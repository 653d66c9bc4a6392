#include "lamina/kernels/machine/threads.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "lamina/check.h"

namespace lamina::kernels {
namespace {

int available_cores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return CPU_COUNT(&set);
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

int default_threads() {
  if (const char* text = std::getenv("LAMINA_NUM_THREADS"); text && *text) {
    char* end = nullptr;
    const long threads = std::strtol(text, &end, 10);
    if (*end || threads < 1 || threads > 4096)
      fail("num_threads", "expected LAMINA_NUM_THREADS to be a number of threads, 1 to 4096, got '", text, "'");
    return static_cast<int>(threads);
  }
  return available_cores();
}

inline void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// How long a thread looks for work, or for the end of the others' work, before it sleeps: 100 to 200 microseconds.
// Longer than what lies between two large kernels of a step, where small nets compute on one thread; shorter than a
// scheduler's slice.
constexpr int kSpins = 6000;

// The workers of one pool, and the call of parallel_for that they help with.
//
// Each thread has a share of a call's chunks, always the same part of them: so the second kernel of two finds in its
// core's cache what the first has left there. Who has done his share takes from the others'. A share's `left` holds
// the call's number in its upper half and how many chunks are left in its lower half, so that a chunk can only be
// claimed for the call whose body was read: while one is left, its call has not ended.
//
// What costs time is lines that go from one core's cache to another's: one to begin, as a worker looks at its share,
// where all that it needs stands; and one to end, as it adds what it has done to a sum that nobody else writes.
class Pool {
 public:
  explicit Pool(int workers) : shares_(static_cast<std::size_t>(workers) + 1) {
    for (int i = 0; i < workers; ++i) threads_.emplace_back([this, i] { work(static_cast<std::size_t>(i) + 1); });
  }
  ~Pool() {
    stop_.store(true);
    wake();
    for (std::thread& thread : threads_) thread.join();
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  void run(Index chunks, detail::Chunk chunk, void* body) {
    ++number_;
    const auto all = static_cast<std::uint64_t>(chunks);
    for (std::size_t i = shares_.size(); i-- > 0;) {
      Share& its = shares_[i];
      const std::uint64_t first = all * i / shares_.size(), end = all * (i + 1) / shares_.size();
      its.chunk.store(chunk, std::memory_order_relaxed);
      its.body.store(body, std::memory_order_relaxed);
      its.end.store(end, std::memory_order_relaxed);
      its.left.store(std::uint64_t{number_} << 32 | (end - first), std::memory_order_release);
    }
    // One that is just about to sleep may be missed: then the others do its share.
    if (sleepers_.load(std::memory_order_relaxed) > 0) wake();
    std::uint64_t mine = 0;
    for (std::size_t i = 0; i < shares_.size(); ++i) mine += empty_share(number_, shares_[i]);
    expected_ += static_cast<std::uint32_t>(all - mine);
    for (int spins = 0; done_.load(std::memory_order_acquire) != expected_; ++spins) {
      if (spins < kSpins)
        pause();
      else
        sched_yield();  // somebody's chunk is not done: let it run, it may wait for this core
    }
  }

 private:
  static constexpr std::size_t kApart = 128;  // bytes: processors fetch lines of 64 by pairs

  struct alignas(kApart) Share {
    std::atomic<std::uint64_t> left{0}, end{0};
    std::atomic<detail::Chunk> chunk{nullptr};
    std::atomic<void*> body{nullptr};
  };

  // Does chunks of a share until none is left, or call `number` has ended, and gives how many it did.
  static std::uint64_t empty_share(std::uint32_t number, Share& its) {
    std::uint64_t left = its.left.load(std::memory_order_acquire), did = 0;
    while (left >> 32 == number && (left & 0xffffffff) != 0) {
      const detail::Chunk chunk = its.chunk.load(std::memory_order_relaxed);
      void* body = its.body.load(std::memory_order_relaxed);
      const std::uint64_t next = its.end.load(std::memory_order_relaxed) - (left & 0xffffffff);
      if (!its.left.compare_exchange_weak(left, left - 1, std::memory_order_acq_rel, std::memory_order_acquire))
        continue;
      chunk(body, static_cast<Index>(next));
      ++did;
      left = its.left.load(std::memory_order_acquire);
    }
    return did;
  }

  void work(std::size_t self);
  void wake() {
    ++alarms_;
    alarms_.notify_all();
  }

  std::vector<std::thread> threads_;
  std::vector<Share> shares_;
  std::uint32_t number_ = 0, expected_ = 0;
  alignas(kApart) std::atomic<std::uint32_t> done_{0};  // chunks that workers have done, of all calls
  alignas(kApart) std::atomic<std::uint32_t> alarms_{0};
  std::atomic<int> sleepers_{0};
  std::atomic<bool> stop_{false};
};

thread_local bool inside_body = false;  // or in the life of an Alone
thread_local Stoppable* stoppable = nullptr;
constexpr std::chrono::milliseconds kPatience{20};

void Pool::work(std::size_t self) {
  inside_body = true;
  const auto call_of = [&] {
    return static_cast<std::uint32_t>(shares_[self].left.load(std::memory_order_acquire) >> 32);
  };
  std::uint32_t seen = 0;
  for (;;) {
    std::uint32_t call = call_of();
    for (int spins = 0; call == seen && spins < kSpins; ++spins) {
      pause();
      call = call_of();
    }
    if (call == seen) {
      sleepers_.fetch_add(1);
      for (std::uint32_t alarm = alarms_.load(); !stop_.load() && (call = call_of()) == seen; alarm = alarms_.load())
        alarms_.wait(alarm);
      sleepers_.fetch_sub(1);
    }
    if (stop_.load()) return;
    seen = call;
    for (std::size_t i = 0; i < shares_.size(); ++i)
      if (const std::uint64_t did = empty_share(seen, shares_[(self + i) % shares_.size()]); did > 0)
        done_.fetch_add(static_cast<std::uint32_t>(did), std::memory_order_release);
  }
}

std::mutex busy;  // held during a call of parallel_for
std::unique_ptr<Pool> pool;
std::atomic<int> wanted{0};  // 0: not yet decided; changed with `busy` held

// In the child of a fork, which has none of the pool's threads to join: it makes a pool of its own.
void forget_pool() {
  static_cast<void>(pool.release());
  new (&busy) std::mutex;
}

void make_pool() {
  static const int registered = pthread_atfork(nullptr, nullptr, forget_pool);
  static_cast<void>(registered);
  pool = std::make_unique<Pool>(wanted - 1);
}

void run_all(Index chunks, detail::Chunk chunk, void* body) {
  const auto alone = [&] {
    for (Index i = 0; i < chunks; ++i) chunk(body, i);
  };
  if (chunks <= 0) return;
  if (inside_body || chunks >= Index{0xffffffff}) return alone();
  std::unique_lock<std::mutex> lock(busy, std::try_to_lock);
  if (!lock) return alone();
  if (wanted == 0) wanted = default_threads();
  if (wanted == 1) {
    lock.unlock();
    return alone();
  }
  if (!pool) make_pool();
  const Alone nested;  // calls from inside the body
  pool->run(chunks, chunk, body);
}

}  // namespace

int num_threads() {
  if (const int threads = wanted) return threads;  // also from inside a body, while `busy` is held
  const std::lock_guard<std::mutex> lock(busy);
  if (wanted == 0) wanted = default_threads();
  return wanted;
}

void set_num_threads(int threads) {
  if (threads < 0 || threads > 4096) fail("set_num_threads", "expected 0 to 4096 threads, got ", threads);
  const std::lock_guard<std::mutex> lock(busy);
  const int before = wanted;
  wanted = threads == 0 ? default_threads() : threads;
  if (wanted != before) pool.reset();
}

void detail::run_chunks(Index chunks, Chunk chunk, void* body) {
  if (!stoppable || inside_body) return run_all(chunks, chunk, body);
  struct Call {
    Chunk chunk;
    void* body;
    std::atomic<bool> stopped{false};
  } call{chunk, body};
  run_all(
      chunks,
      [](void* c, Index i) {
        Call& its = *static_cast<Call*>(c);
        if (its.stopped.load(std::memory_order_relaxed)) return;
        if (stoppable && stoppable->stop())
          its.stopped.store(true, std::memory_order_relaxed);
        else
          its.chunk(its.body, i);
      },
      &call);
  if (call.stopped) throw Stopped();
}

bool works_alone() { return inside_body; }

Alone::Alone() : before_(std::exchange(inside_body, true)) {}
Alone::~Alone() { inside_body = before_; }

Stoppable::Stoppable(bool (*asked)())
    : asked_(asked), next_(std::chrono::steady_clock::now() + kPatience), before_(std::exchange(stoppable, this)) {}
Stoppable::~Stoppable() { stoppable = before_; }

bool Stoppable::stop() {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return false;
  next_ = now + kPatience;
  return asked_();
}

std::vector<std::exception_ptr> side_by_side(Index jobs, const std::function<void(Index)>& job,
                                             const std::function<void(Index)>& done) {
  std::vector<std::exception_ptr> errors(static_cast<std::size_t>(std::max<Index>(jobs, 0)));
  std::atomic<Index> next{0};
  std::mutex telling;
  std::exception_ptr from_done;
  const auto work = [&] {
    const Alone alone;
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
  const Index others = inside_body ? 0 : std::min<Index>(jobs, num_threads()) - 1;
  try {
    for (Index i = 0; i < others; ++i) threads.emplace_back(work);
  } catch (const std::system_error&) {  // no more threads to be had: those that run do all
  }
  work();
  for (std::thread& thread : threads) thread.join();
  if (from_done) std::rethrow_exception(from_done);
  return errors;
}

}  // namespace lamina::kernels
