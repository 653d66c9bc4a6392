// Every chunk is done once, whatever the number of threads, callers and nested calls.
#include "lamina/kernels/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
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

TEST_F(Parallel, RefusesANegativeNumber) {
  try {
    set_num_threads(-1);
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "[set_num_threads] expected 0 (all cores) to 4096 threads, got -1");
  }
}

}  // namespace
}  // namespace lamina::kernels
