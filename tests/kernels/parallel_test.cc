// Every chunk is done once, whatever the number of threads, callers and nested calls.
#include "lamina/kernels/machine/parallel.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

namespace lamina::kernels {
namespace {

class Parallel : public ::testing::Test {
 protected:
  ~Parallel() override { set_num_threads(before_); }
  int before_ = num_threads();
};

TEST_F(Parallel, DoesEveryChunkOnce) {
  for (int threads : {1, 2, 3, 8}) {
    set_num_threads(threads);
    EXPECT_EQ(num_threads(), threads);
    for (Index chunks : {0, 1, 2, 3, 7, 100, 1000})
      for (int repeat = 0; repeat < 50; ++repeat) {
        std::vector<std::atomic<int>> done(static_cast<std::size_t>(chunks));
        parallel_for(chunks, [&](Index i) { done[static_cast<std::size_t>(i)].fetch_add(1); });
        for (const auto& count : done) ASSERT_EQ(count.load(), 1);
      }
  }
}

TEST_F(Parallel, ManyShortCallsOneAfterTheOther) {
  set_num_threads(3);
  std::atomic<long> sum{0};
  for (int call = 0; call < 20000; ++call)
    parallel_for(4, [&](Index i) { sum.fetch_add(i, std::memory_order_relaxed); });
  EXPECT_EQ(sum.load(), 20000 * 6);
}

TEST_F(Parallel, StopsBetweenChunks) {
  using std::chrono::milliseconds, std::chrono::steady_clock;
  for (int threads : {1, 2}) {
    set_num_threads(threads);
    std::atomic<int> done{0};
    const auto slow = [&](Index) { std::this_thread::sleep_for(milliseconds(5)), done.fetch_add(1); };
    const auto start = steady_clock::now();
    {
      const Stoppable stoppable([] { return true; });
      EXPECT_THROW(parallel_for(1000, slow), Stopped);
      EXPECT_LT(done.load(), 200);
      EXPECT_LT(steady_clock::now() - start, milliseconds(1000));
      done = 0;
      std::thread([&] { parallel_for(50, slow); }).join();  // another thread is not concerned
      EXPECT_EQ(done.load(), 50);
    }
    done = 0;
    parallel_for(50, slow);
    EXPECT_EQ(done.load(), 50);
    const Stoppable never([] { return false; });
    parallel_for(50, slow);
    EXPECT_EQ(done.load(), 100);
  }
}

TEST_F(Parallel, WakesThreadsThatSleep) {
  set_num_threads(2);
  for (int call = 0; call < 20; ++call) {
    std::atomic<int> done{0};
    parallel_for(8, [&](Index) { done.fetch_add(1); });
    ASSERT_EQ(done.load(), 8);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // longer than a worker looks for work
  }
}

TEST_F(Parallel, ACallInsideABodyIsDoneThere) {
  set_num_threads(2);
  std::atomic<int> done{0};
  parallel_for(5, [&](Index) {
    const auto here = std::this_thread::get_id();
    parallel_for(5, [&](Index) {
      EXPECT_EQ(std::this_thread::get_id(), here);
      done.fetch_add(1);
    });
  });
  EXPECT_EQ(done.load(), 25);
}

TEST_F(Parallel, ABodyMayAskForTheNumberOfThreads) {
  set_num_threads(3);
  std::atomic<int> right{0};
  kernels::parallel_for(20, [&](Index) { right += num_threads() == 3; });
  EXPECT_EQ(right, 20);
}

TEST_F(Parallel, SeveralCallersAtOnce) {
  set_num_threads(2);
  std::atomic<long> sum{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&] {
      for (int call = 0; call < 500; ++call) parallel_for(10, [&](Index i) { sum.fetch_add(i); });
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(sum.load(), 4 * 500 * 45);
}

TEST_F(Parallel, AloneKeepsCallsInItsThread) {
  set_num_threads(2);
  // The threads that a call runs on; its chunks wait, some seconds at most, until there are so many.
  const auto threads_used = [](std::size_t awaited) {
    std::set<std::thread::id> ids;
    std::mutex lock;
    const auto start = std::chrono::steady_clock::now();
    parallel_for(50, [&](Index) {
      for (std::size_t seen = 0; seen < awaited && std::chrono::steady_clock::now() - start < std::chrono::seconds(10);
           std::this_thread::yield()) {
        const std::lock_guard<std::mutex> guard(lock);
        ids.insert(std::this_thread::get_id());
        seen = ids.size();
      }
    });
    return ids;
  };
  {
    const Alone outer;
    { const Alone inner; }
    EXPECT_EQ(threads_used(1), std::set<std::thread::id>{std::this_thread::get_id()});
  }
  EXPECT_EQ(threads_used(2).size(), 2U);
}

TEST_F(Parallel, SideBySideDoesEveryJobOnceAndEachOnOneThread) {
  for (int threads : {1, 2, 5}) {
    set_num_threads(threads);
    for (Index jobs : {0, 1, 2, 40}) {
      std::vector<std::atomic<int>> done(static_cast<std::size_t>(jobs)), told(done.size());
      std::atomic<int> now{0}, most{0}, telling{0};
      const int expected = std::min<int>(threads, static_cast<int>(jobs));
      const auto errors = side_by_side(
          jobs,
          [&](Index i) {
            const int running = ++now;
            for (int seen = most; seen < running && !most.compare_exchange_weak(seen, running);) continue;
            const auto here = std::this_thread::get_id();
            parallel_for(20, [&](Index) { EXPECT_EQ(std::this_thread::get_id(), here); });
            side_by_side(3, [&](Index) { EXPECT_EQ(std::this_thread::get_id(), here); });
            // Until as many jobs have met as there are threads; some seconds at most.
            const auto start = std::chrono::steady_clock::now();
            while (most < expected && std::chrono::steady_clock::now() - start < std::chrono::seconds(10))
              std::this_thread::yield();
            ++done[static_cast<std::size_t>(i)];
            --now;
          },
          [&](Index i) {
            EXPECT_EQ(++telling, 1);
            EXPECT_EQ(done[static_cast<std::size_t>(i)], 1);
            ++told[static_cast<std::size_t>(i)];
            --telling;
          });
      EXPECT_EQ(errors, std::vector<std::exception_ptr>(done.size()));
      for (const auto& count : done) EXPECT_EQ(count, 1);
      for (const auto& count : told) EXPECT_EQ(count, 1);
      EXPECT_EQ(most, expected);
    }
  }
}

TEST_F(Parallel, SideBySideKeepsEachJobsException) {
  set_num_threads(2);
  const auto errors = side_by_side(7, [](Index i) {
    if (i % 3 == 1) throw std::runtime_error("job " + std::to_string(i));
  });
  ASSERT_EQ(errors.size(), 7U);
  for (Index i = 0; i < 7; ++i) {
    const auto& error = errors[static_cast<std::size_t>(i)];
    ASSERT_EQ(error != nullptr, i % 3 == 1);
    if (!error) continue;
    try {
      std::rethrow_exception(error);
    } catch (const std::runtime_error& caught) {
      EXPECT_EQ(caught.what(), "job " + std::to_string(i));
    }
  }
  std::atomic<int> done{0};
  parallel_for(8, [&](Index) { ++done; });  // threads are back at work
  EXPECT_EQ(done, 8);
}

TEST_F(Parallel, SideBySideEndsWhereDoneThrows) {
  set_num_threads(2);
  std::atomic<int> started{0}, told{0};
  EXPECT_THROW(side_by_side(
                   100,
                   [&](Index i) {
                     ++started;
                     std::this_thread::sleep_for(std::chrono::milliseconds(i == 0 ? 5 : 50));
                   },
                   [&](Index) {
                     ++told;
                     throw std::runtime_error("enough");
                   }),
               std::runtime_error);
  EXPECT_EQ(told, 1);
  EXPECT_LE(started, 2);
}

TEST_F(Parallel, RefusesANegativeNumber) {
  try {
    set_num_threads(-1);
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "[set_num_threads] expected 0 to 4096 threads, got -1");
  }
}

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// A process that may take little more memory than it has cannot start many threads, each with its stack.
TEST_F(Parallel, FewerThreadsThanAskedFor) {
  const auto limited = [] {
    long pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const auto bytes = static_cast<rlim_t>(pages * sysconf(_SC_PAGESIZE)) + (rlim_t{20} << 20);
    const rlimit limit{bytes, bytes};
    if (setrlimit(RLIMIT_AS, &limit) != 0) std::exit(3);
    setenv("LAMINA_MOST_THREADS", "64", 1);
    set_num_threads(64);
    std::atomic<long> sum{0};
    for (int call = 0; call < 100; ++call) parallel_for(1000, [&](Index i) { sum.fetch_add(i); });
    std::exit(sum == 100 * 499500L ? 0 : 4);
  };
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(limited(), ::testing::ExitedWithCode(0), "^lamina: expected to start 64 threads, got [0-9]+: [^\n]*\n$");
}
#endif

}  // namespace
}  // namespace lamina::kernels
