// Chunks cover all items, once each, and their sizes do not depend on threads.
#include "lamina/kernels/machine/chunks.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace lamina::kernels {
namespace {

class ChunksOfWork : public ::testing::Test {
 protected:
  ~ChunksOfWork() override { set_num_threads(before_); }
  int before_ = num_threads();
};

TEST_F(ChunksOfWork, HoldAboutSoManyElements) {
  const Chunks rows = Chunks::about(1000, 100, 30);
  EXPECT_EQ(rows.size, 33);
  EXPECT_EQ(rows.count(), 4);
  EXPECT_EQ(rows.first(3), 99);
  EXPECT_EQ(rows.length(2), 33);
  EXPECT_EQ(rows.length(3), 1);
  EXPECT_EQ(Chunks::about(1000, 100, 5000).size, 1) << "at least one item";
  EXPECT_EQ(Chunks::about(1000, 100, 0).size, 1000) << "items without elements";
}

TEST_F(ChunksOfWork, AreFewAndOfOneSize) {
  EXPECT_EQ(Chunks::even(100, 100).count(), 1);
  const Chunks even = Chunks::even(1000, 300, 64);
  EXPECT_EQ(even.size, 256);
  EXPECT_EQ(even.count(), 4);
  EXPECT_EQ(even.length(3), 1000 - 3 * 256);
  EXPECT_EQ(Chunks::even(0, 300).count(), 0);
}

TEST_F(ChunksOfWork, AreDoneOnceEach) {
  for (const int threads : {1, 2, 5}) {
    set_num_threads(threads);
    for (const Index items : {0, 1, 7, 1000})
      for (const Index size : {1, 3, 1000, 5000}) {
        const Chunks chunks{items, size};
        std::vector<std::atomic<int>> done(static_cast<std::size_t>(items)), numbered(done.size());
        for_chunks(chunks, [&](Index first, Index length) {
          for (Index i = first; i < first + length; ++i) ++done[static_cast<std::size_t>(i)];
        });
        for_chunks(chunks, [&](Index chunk, Index first, Index length) {
          EXPECT_EQ(chunk, first / size);
          for (Index i = first; i < first + length; ++i) ++numbered[static_cast<std::size_t>(i)];
        });
        for (const auto& count : done) ASSERT_EQ(count, 1);
        for (const auto& count : numbered) ASSERT_EQ(count, 1);
      }
  }
}

TEST_F(ChunksOfWork, AGridIsDoneOnceEach) {
  set_num_threads(3);
  std::vector<std::atomic<int>> done(13 * 7);
  for_grid(Chunks{13, 4}, Chunks{7, 2}, [&](Index i0, Index rows, Index j0, Index columns) {
    for (Index i = i0; i < i0 + rows; ++i)
      for (Index j = j0; j < j0 + columns; ++j) ++done[static_cast<std::size_t>(i * 7 + j)];
  });
  for (const auto& count : done) EXPECT_EQ(count, 1);
}

}  // namespace
}  // namespace lamina::kernels
