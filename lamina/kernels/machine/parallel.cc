#include "lamina/kernels/machine/parallel.h"

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

namespace lamina::kernels {
namespace {

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
  int threads() const { return static_cast<int>(shares_.size()); }
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

void Pool::work(std::size_t self) {
  const Alone nested;  // calls from inside bodies
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

std::mutex busy;  // held during a call of parallel_for, and guards the pool
std::unique_ptr<Pool> pool;

// The child of a fork has none of the pool's threads, so it cannot join them: it forgets the pool and makes its own.
void forget_pool() {
  static_cast<void>(pool.release());
  new (&busy) std::mutex;
}

// The pool of so many threads; null for one thread.
Pool* pool_of(int threads) {
  static const int registered = pthread_atfork(nullptr, nullptr, forget_pool);
  static_cast<void>(registered);
  if (pool && pool->threads() != threads) pool.reset();
  if (!pool && threads > 1) pool = std::make_unique<Pool>(threads - 1);
  return pool.get();
}

void run_all(Index chunks, detail::Chunk chunk, void* body) {
  const auto by_caller = [&] {
    for (Index i = 0; i < chunks; ++i) chunk(body, i);
  };
  if (chunks <= 0) return;
  if (works_alone() || chunks >= Index{0xffffffff}) return by_caller();
  std::unique_lock<std::mutex> lock(busy, std::try_to_lock);
  if (!lock) return by_caller();
  Pool* const helpers = pool_of(num_threads());
  if (!helpers) {
    lock.unlock();
    return by_caller();
  }
  const Alone nested;  // calls from inside the body
  helpers->run(chunks, chunk, body);
}

}  // namespace

void detail::run_chunks(Index chunks, Chunk chunk, void* body) {
  if (!Stoppable::lives() || works_alone()) return run_all(chunks, chunk, body);
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
        if (Stoppable::asked())  // on the caller's thread; others have no Stoppable
          its.stopped.store(true, std::memory_order_relaxed);
        else
          its.chunk(its.body, i);
      },
      &call);
  if (call.stopped) throw Stopped();
}

}  // namespace lamina::kernels
