#include "lamina/tensor.h"

#include <gtest/gtest.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "lamina/check.h"
#include "lamina/parameters.h"
#include "tests/message_of.h"

namespace lamina {
namespace {

template <class T>
bool is_aligned(const T* p) {
  return reinterpret_cast<std::uintptr_t>(p) % 64 == 0;
}

TEST(Shape, CountsAndPrints) {
  EXPECT_EQ(Shape{}.size(), 0);
  EXPECT_EQ(Shape{}.to_string(), "()");
  EXPECT_EQ((Shape{5}).to_string(), "(5,)");
  EXPECT_EQ((Shape{32, 3, 0, 7}).size(), 0);
  EXPECT_EQ((Shape{32, 3, 5, 7}).size(), 3360);
  EXPECT_EQ((Shape{32, 3, 5, 7}).to_string(), "(32, 3, 5, 7)");
  EXPECT_FALSE((Shape{2, 3}) == (Shape{2, 3, 1}));
  EXPECT_FALSE((Shape{2, 3}) == (Shape{3, 2}));
}

TEST(Shape, RefusesWhatIsNoShape) {
  const std::vector<Index> seven(7, 1), huge(2, Index{1} << 30), largest(2, Index{1} << 29);
  EXPECT_THROW(Shape(std::span<const Index>(seven)), std::invalid_argument);
  EXPECT_THROW((Shape{3, -1}), std::invalid_argument);
  EXPECT_THROW(Shape(std::span<const Index>(huge)), std::invalid_argument);
  EXPECT_EQ(Shape(std::span<const Index>(largest)).size(), Index{1} << 58);
}

template <class T>
struct TensorOf : ::testing::Test {};
using Scalars = ::testing::Types<float, double, std::uint8_t>;
TYPED_TEST_SUITE(TensorOf, Scalars);

TYPED_TEST(TensorOf, IsAlignedAtEverySize) {
  std::vector<Tensor<TypeParam>> kept;
  for (Index n = 1; n < 200; n += 3) {
    kept.emplace_back(Shape{n});
    EXPECT_TRUE(is_aligned(kept.back().data())) << n;
    for (const TypeParam x : kept.back()) EXPECT_EQ(x, TypeParam{});
  }
}

TYPED_TEST(TensorOf, ResizeKeepsItsMemory) {
  Tensor<TypeParam> t(Shape{4, 5});
  TypeParam* const before = t.data();
  t.resize(Shape{3, 2});
  EXPECT_EQ(t.data(), before);
  EXPECT_EQ(t.shape(), (Shape{3, 2}));
  t.resize(Shape{20});
  EXPECT_EQ(t.data(), before);
  t.resize(Shape{5000});
  EXPECT_TRUE(is_aligned(t.data()));
  t.fill(TypeParam{3});  // all of it is there
  EXPECT_EQ(t[4999], TypeParam{3});
}

// Large ones lie on large pages; each is given back as it was taken (which the address sanitizer looks at).
TYPED_TEST(TensorOf, LargeOnesAndSmallOnesChangePlaces) {
  const Index many = (Index{3} << 20) / static_cast<Index>(sizeof(TypeParam));
  Tensor<TypeParam> small(Shape{7}, TypeParam{1}), large(Shape{many}, TypeParam{2});
  EXPECT_TRUE(is_aligned(large.data()));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(large.data()) % (std::uintptr_t{1} << 21), 0u);
  small.swap(large);
  EXPECT_EQ(small[many - 1], TypeParam{2});
  large.resize(Shape{many});
  large.fill(TypeParam{3});
  small = std::move(large);
  EXPECT_EQ(small[many - 1], TypeParam{3});
  small = Tensor<TypeParam>(Shape{2}, TypeParam{4});
  EXPECT_EQ(small[1], TypeParam{4});
}

// The next one of the size of one that has ended takes its memory, and begins with zeros all the same.
TYPED_TEST(TensorOf, LargeMemoryIsUsedAgain) {
  if (!detail::kKeepsMemory) std::puts("memory is not kept: the address sanitizer is to see each use");
  const Index many = (Index{5} << 20) / static_cast<Index>(sizeof(TypeParam));
  const auto where = [=] {
    Tensor<TypeParam> t(Shape{many});
    for (Index i = 0; i < many; i += 1000) EXPECT_EQ(t[i], TypeParam{});
    t.fill(TypeParam{7});
    return reinterpret_cast<std::uintptr_t>(t.data());
  };
  const std::uintptr_t first = where();
  if (detail::kKeepsMemory) {
    EXPECT_EQ(where(), first);
    const Tensor<TypeParam> smaller(Shape{many / 2});  // is no reason to give it away
    EXPECT_EQ(where(), first);
  } else {
    where();
  }
}

#if defined(__linux__)
bool is_mapped(const void* start) { return msync(const_cast<void*>(start), 4096, MS_ASYNC) == 0; }

// However much is given back, only so much is kept: what was given back first goes first, to the system.
TEST(Tensor, OnlySoMuchMemoryIsKept) {
  if (!detail::kKeepsMemory) {
    std::puts("memory is not kept: the address sanitizer is to see each use");
    return;
  }
  constexpr std::size_t kMiB = std::size_t{1} << 20;
  std::vector<detail::Memory> blocks;
  for (int i = 0; i < 60; ++i) {
    blocks.push_back(detail::allocate(2 * kMiB - 1));
    EXPECT_EQ(blocks.back().bytes, 2 * kMiB);
    std::memset(blocks.back().start, 7, blocks.back().bytes);
  }
  for (const detail::Memory& block : blocks) detail::give_back(block);
  std::ptrdiff_t kept = 0;
  for (const detail::Memory& block : blocks) kept += is_mapped(block.start) ? 1 : 0;
  EXPECT_GT(kept, 0);
  EXPECT_LE(kept, 48);
  for (auto it = blocks.begin(); it != blocks.end(); ++it)
    EXPECT_EQ(is_mapped(it->start), it - blocks.begin() >= 60 - kept) << it - blocks.begin();
  EXPECT_EQ(detail::allocate(2 * kMiB).start, blocks.back().start);
  detail::give_back(blocks.back());
  const detail::Memory larger = detail::allocate(200 * kMiB);  // than all that is kept
  detail::give_back(larger);
  EXPECT_FALSE(is_mapped(larger.start));
}
#endif

TEST(Tensor, ThreadsTakeAndGiveBack) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      for (int i = 0; i < 200; ++i) {
        Tensor<std::uint8_t> block(Shape{(Index{1 + (t + i) % 3} << 21)}, static_cast<std::uint8_t>(t));
        for (Index at = 0; at < block.size(); at += 100000) ASSERT_EQ(block[at], t);
      }
    });
  for (std::thread& thread : threads) thread.join();
}

TYPED_TEST(TensorOf, CopiesAreDeepAndViewsShare) {
  Tensor<TypeParam> a(Shape{2, 3}, TypeParam{1});
  Tensor<TypeParam> b = a;
  b(1, 2) = TypeParam{7};
  EXPECT_EQ(a(1, 2), TypeParam{1});
  TensorView<TypeParam> view = a.rows(1, 1);
  EXPECT_EQ(view.shape(), (Shape{1, 3}));
  view(0, 2) = TypeParam{9};
  EXPECT_EQ(a(1, 2), TypeParam{9});
  EXPECT_EQ(a.reshaped(Shape{6})[5], TypeParam{9});
  const TypeParam* const memory = a.data();
  const Tensor<TypeParam> moved = std::move(a);
  EXPECT_EQ(moved.data(), memory);
}

TEST(Parameters, LieSideBySideAndAligned) {
  Parameters<float> p({{"W1", {3, 5}}, {"b1", {1}}, {"empty", {0, 4}}, {"W2", {17}}});
  EXPECT_EQ(p.size(), 4u);
  EXPECT_EQ(p.count(), 15 + 1 + 0 + 17);
  for (const auto& entry : p) EXPECT_TRUE(is_aligned(entry.value.data())) << entry.name;
  EXPECT_EQ(p["b1"].data() - p["W1"].data(), 16);
  EXPECT_EQ(p["W2"].data() + 17 <= p.flat().data() + p.flat().size(), true);
  for (auto& entry : p) entry.value.fill(2);
  double sum = 0;
  for (const float x : p.flat()) sum += x;
  EXPECT_EQ(sum, 2 * (15 + 1 + 17)) << "the gaps stay zero";
}

TEST(Parameters, CopiesHaveMemoryOfTheirOwn) {
  Parameters<double> p({{"W", {2, 2}}});
  p["W"].fill(1);
  Parameters<double> q = p;
  q["W"].fill(5);
  EXPECT_EQ(p["W"][3], 1);
  p.copy_from(q);
  EXPECT_EQ(p["W"][3], 5);
}

TEST(Parameters, InMemoryOfOthers) {
  const Parameters<double> like({{"W", {2, 3}}, {"b", {3}}});
  std::vector<double> w(6, 1.5), b(3, 2.5);
  double* const memory[] = {w.data(), b.data()};
  Parameters<double> view(like, memory);
  EXPECT_TRUE(view.layout() == like.layout());
  view["W"](1, 2) = 7;
  view["b"].fill(4);
  EXPECT_EQ(w.back(), 7);
  EXPECT_EQ(b, std::vector<double>(3, 4));
  const Parameters<double> copy = view;  // in memory of its own
  w[0] = 9;
  EXPECT_EQ(view["W"][0], 9);
  EXPECT_EQ(copy["W"][0], 1.5);
  EXPECT_EQ(copy["W"][5], 7);
  view.copy_from(copy);
  EXPECT_EQ(w[0], 1.5);
  view = Parameters<double>(view, std::span<double* const>(memory));  // again
  EXPECT_EQ(view["b"][2], 4);
  EXPECT_THROW(view.flat(), std::invalid_argument);
  EXPECT_THROW(Parameters<double>(like, std::span<double* const>(memory, 1)), std::invalid_argument);
  static_assert(!std::is_assignable_v<decltype((view["W"])), TensorView<double>>);
  static_assert(!std::is_assignable_v<decltype((view.begin()->value)), decltype((view.begin()->value))>);
}

TEST(Parameters, Errors) {
  EXPECT_EQ(message_of([] {
              Parameters<double>({{"W", {2}}, {"b", {2}}, {"W", {3}}});
            }),
            "[Parameters] expected each name once, got 'W' twice");
  Parameters<double> p({{"W", {2}}, {"b", {3}}});
  EXPECT_EQ(message_of([&] { p["V"]; }), "[Parameters] expected one of the names W, b, got 'V'");
  EXPECT_EQ(message_of([&] {
              p.copy_from(Parameters<double>({{"W", {2}}, {"b", {4}}}));
            }),
            "[Parameters] expected W (2,), b (3,) to copy from, got W (2,), b (4,)");
}

}  // namespace
}  // namespace lamina
