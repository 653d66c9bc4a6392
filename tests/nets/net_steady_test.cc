// A steady training step allocates nothing, and its bits do not depend on the number of threads.

#include <atomic>
#include <cstdlib>
#include <new>

#include "lamina/threads.h"
#include "tests/nets/net_testing.h"

namespace {
std::atomic<long> allocations{0};

void* counted(std::size_t size, std::size_t alignment) {
  ++allocations;
  void* p = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}
}  // namespace

void* operator new(std::size_t size) { return counted(size, alignof(std::max_align_t)); }
void* operator new[](std::size_t size) { return counted(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t a) { return counted(size, static_cast<std::size_t>(a)); }
void* operator new[](std::size_t size, std::align_val_t a) { return counted(size, static_cast<std::size_t>(a)); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

namespace lamina {
namespace {

using lamina::testing::Batch;
using lamina::testing::block_cases;
using lamina::testing::net_cases;
using lamina::testing::NetCase;
using lamina::testing::random_batch;
using lamina::testing::step;

// The nets of net_cases and block_cases, in float32 with products of bfloat16 as well.
template <class T>
std::vector<NetCase> all_cases(Index size) {
  std::vector<NetCase> cases = net_cases(size);
  for (const NetCase& c : block_cases(size)) cases.push_back(c);
  if constexpr (std::is_same_v<T, float>)
    for (NetCase c : std::vector<NetCase>(cases)) {
      c.name += ", bf16";
      c.config.precision = Precision::bf16;
      cases.push_back(c);
    }
  return cases;
}

template <class T>
class NetSteady : public ::testing::Test {
 protected:
  ~NetSteady() override { set_num_threads(0); }
};
TYPED_TEST_SUITE(NetSteady, lamina::testing::Scalars);

TYPED_TEST(NetSteady, CountsAllocations) {
  const long before = allocations;
  const Tensor<TypeParam> x(Shape{3});
  EXPECT_EQ(allocations - before, 1);
}

TYPED_TEST(NetSteady, AStepAllocatesNothing) {
  using T = TypeParam;
  set_num_threads(1);
  for (const NetCase& c : all_cases<T>(12)) {
    SCOPED_TRACE(c.name);
    RandomState random(7);
    const auto net = make_net<T>(c.config, random);
    const Batch<T> batch = random_batch<T>(9, 12, random);
    for (int i = 0; i < 2; ++i) step(*net, batch, T(1e-3));
    const long before = allocations;
    for (int i = 0; i < 3; ++i) step(*net, batch, T(1e-3));
    EXPECT_EQ(allocations - before, 0);
    net->loss(batch.X);
    const long trained = allocations;
    net->loss(batch.X);
    step(*net, batch, T(1e-3));
    EXPECT_EQ(allocations - trained, 0);
  }
}

// Any thread may compute any chunk, and has scratch memory of its own: within 300 steps every thread has had its
// share, and ten steps in a row allocate nothing.
TYPED_TEST(NetSteady, AStepOfThreeThreadsAllocatesNothing) {
  using T = TypeParam;
  set_num_threads(3);
  std::vector<NetCase> cases = all_cases<T>(12);
  cases.push_back(cases[2]);
  cases.back().name += ", by blocks of rows";
  cases.back().config.fc.hidden_dims = {120, 110};
  for (const NetCase& c : cases) {
    SCOPED_TRACE(c.name);
    RandomState random(7);
    const auto net = make_net<T>(c.config, random);
    const Batch<T> batch = random_batch<T>(&c == &cases.back() ? 27 : 9, 12, random);
    int quiet = 0;
    for (int i = 0; i < 300 && quiet < 10; ++i) {
      const long before = allocations;
      step(*net, batch, T(1e-3));
      quiet = allocations == before ? quiet + 1 : 0;
    }
    EXPECT_EQ(quiet, 10);
  }
}

TYPED_TEST(NetSteady, BitsDoNotDependOnThreads) {
  using T = TypeParam;
  for (NetCase c : all_cases<T>(16)) {
    SCOPED_TRACE(c.name);
    for (Index& size : c.config.fc.hidden_dims) size *= 8;
    for (Index& size : c.config.convnet.num_filters) size = size * 3 + 1;
    c.config.two_layer.hidden_dim *= 8;
    c.config.three_layer_convnet.hidden_dim *= 8;
    c.config.three_layer_convnet.num_filters = c.config.three_layer_convnet.num_filters * 3 + 1;
    std::vector<T> one;
    std::vector<double> losses_of_one;
    for (const int threads : {1, 2, 3}) {
      set_num_threads(threads);
      RandomState random(7);
      const auto net = make_net<T>(c.config, random);
      const Batch<T> batch = random_batch<T>(33, 16, random);
      std::vector<double> losses;
      for (int i = 0; i < 3; ++i) losses.push_back(step(*net, batch, T(1e-2)));
      std::vector<T> all = testing::elements(net->params());
      for (const T value : testing::elements(net->buffers())) all.push_back(value);
      for (const T value : net->loss(batch.X)) all.push_back(value);
      if (threads == 1) one = all, losses_of_one = losses;
      EXPECT_EQ(losses, losses_of_one) << threads << " threads";
      EXPECT_TRUE(all == one) << threads << " threads";
      for (const T value : all) ASSERT_TRUE(std::isfinite(value));
    }
  }
}

}  // namespace
}  // namespace lamina
