#include "lamina/kernels/machine/parallel.h"

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <mutex>
#include <new>
#include <system_error>
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

// How often a thread polls for work, or for the end of the others' work, before it sleeps: 100 to 200 microseconds.
// This is longer than the pause between two parallel kernels of a training step, and shorter than a scheduler's time
// slice.
constexpr int kSpins = 6000;

// A thread pool with static shares and work stealing, and the call of parallel_for that it is working on.
//
// Thread i always gets the same share of a call's chunks, so that a kernel finds in its core's cache what the kernel
// before it left there. A thread that has finished its share steals chunks from the others. A share's `left` holds the
// number of the call in its upper half and the number of chunks left in its lower half. So a chunk can only be claimed
// for the call whose body was read: as long as chunks are left, that call has not returned.
//
// What costs time is cache lines that move between cores. A worker needs one to start, its share, which holds all that
// it reads, and one to finish, the counter of finished chunks.
class Pool {
 public:
  // If the system refuses to make so many threads, those that it made also compute the shares of the others.
  explicit Pool(int workers) : shares_(static_cast<std::size_t>(workers) + 1) {
    try {
      for (int i = 0; i < workers; ++i) threads_.emplace_back([this, i] { work(static_cast<std::size_t>(i) + 1); });
    } catch (const std::system_error& error) {
      static std::once_flag said;
      std::call_once(said, [&] {
        std::fprintf(stderr, "lamina: expected to start %d threads, got %zu: %s\n", workers + 1, threads_.size() + 1,
                     error.code().message().c_str());
      });
    }
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
    // This may miss a thread that is about to sleep. Then the others steal its share.
    if (sleepers_.load(std::memory_order_relaxed) > 0) wake();
    std::uint64_t mine = 0;
    for (std::size_t i = 0; i < shares_.size(); ++i) mine += empty_share(number_, shares_[i]);
    expected_ += static_cast<std::uint32_t>(all - mine);
    for (int spins = 0; done_.load(std::memory_order_acquire) != expected_; ++spins) {
      if (spins < kSpins)
        pause();
      else
        sched_yield();  // a thread that still works on a chunk may be waiting for this core
    }
  }

 private:
  static constexpr std::size_t kApart = 128;  // bytes: processors prefetch cache lines of 64 bytes in pairs

  struct alignas(kApart) Share {
    std::atomic<std::uint64_t> left{0}, end{0};
    std::atomic<detail::Chunk> chunk{nullptr};
    std::atomic<void*> body{nullptr};
  };

  // Computes chunks of a share until none is left or call `number` has ended. Returns how many it computed.
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
  alignas(kApart) std::atomic<std::uint32_t> done_{0};  // chunks that workers have computed, over all calls
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

std::mutex busy;  // held during a call of parallel_for; guards the pool
std::unique_ptr<Pool> pool;

// Where the process ends while another thread computes with the pool, as a daemon thread of Python may, the pool stays.
// Calls that come later are computed by their callers.
const struct AtTheEnd {
  ~AtTheEnd() {
    if (!busy.try_lock()) static_cast<void>(pool.release());
  }
} at_the_end;

// A forked child has none of the pool's threads and cannot join them. It drops the pool and will start one of its own.
void forget_pool() {
  static_cast<void>(pool.release());
  new (&busy) std::mutex;
}

// The pool with `threads` threads, the caller included; null for one thread.
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
  Pool* const helpers = pool_of(used_threads());
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
        if (Stoppable::asked())  // true on the calling thread only: workers have no Stoppable
          its.stopped.store(true, std::memory_order_relaxed);
        else
          its.chunk(its.body, i);
      },
      &call);
  if (call.stopped) throw Stopped();
}

}  // namespace lamina::kernels
