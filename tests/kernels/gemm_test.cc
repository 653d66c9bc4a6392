// Matrix products against plain sums, on hostile sizes, for every instruction set and number of threads.
#include "lamina/kernels/products/gemm.h"

#if defined(__linux__)
#include <sys/mman.h>

#include <filesystem>
#include <iterator>
#endif

#include "lamina/kernels/machine/target.h"
#include "lamina/kernels/products/plan.h"
#include "lamina/threads.h"
#include "tests/layers/layer_testing.h"

namespace lamina {
namespace {

using testing::over_targets;
using testing::random_tensor;

template <class T>
class Gemm : public ::testing::Test {};
TYPED_TEST_SUITE(Gemm, testing::Scalars);

struct Case {
  bool transpose_a, transpose_b, with_bias, relu;
  Index m, n, k, lda, ldb, ldc;
};

Case random_case(RandomState& random, int i) {
  Case s{};
  s.transpose_a = random.randint(2);
  s.transpose_b = random.randint(2);
  s.with_bias = random.randint(2);
  s.relu = random.randint(2);
  const bool large = i % 20 == 0;  // several chunks, panels and blocks of k
  s.m = large ? (i % 40 ? 20 : 100) + random.randint(100) : testing::random_length(random, 70);
  s.n = large ? 60 + random.randint(90) : testing::random_length(random, 70);
  if (i % 60 == 0) s.n = 16 * (3 + random.randint(6)) + 1 + random.randint(5);  // a few columns over whole vectors
  s.k = large ? 500 + random.randint(i % 100 ? 2000 : 5000) : testing::random_length(random, 90);
  s.lda = (s.transpose_a ? s.m : s.k) + random.randint(3);
  if (i % 7 < 3) s.lda = (s.lda + 255) / 256 * 256;  // rows that fall into the same sets of a cache
  s.ldb = (s.transpose_b ? s.k : s.n) + random.randint(3);
  s.ldc = s.n + random.randint(3);
  return s;
}

TYPED_TEST(Gemm, EqualsPlainSums) {
  using T = TypeParam;
  RandomState random(3);
  over_targets(400, [&](int i) {
    const Case s = random_case(random, i);
    const Tensor<T> a = random_tensor<T>(Shape{s.transpose_a ? s.k : s.m, s.lda}, random);
    const Tensor<T> b = random_tensor<T>(Shape{s.transpose_b ? s.n : s.k, s.ldb}, random);
    const Tensor<T> bias = random_tensor<T>(Shape{s.n}, random);
    Tensor<T> c = testing::poisoned<T>(Shape{s.m, s.ldc});
    // On this machine, and on others' caches, where copies of A avoid conflicts or are not needed.
    const kernels::Product<T> product{s.transpose_a, s.transpose_b, s.m,   s.n,
                                      s.k,           a.data(),      s.lda, b.data(),
                                      s.ldb,         c.data(),      s.ldc, s.with_bias ? bias.data() : nullptr,
                                      s.relu};
    if (i % 3 == 0)
      kernels::gemm(s.transpose_a, s.transpose_b, s.m, s.n, s.k, a.data(), s.lda, b.data(), s.ldb, c.data(), s.ldc,
                    product.bias, s.relu);
    else
      kernels::gemm_on(kernels::Machine{num_threads(), i % 3 == 1 ? 16 : 4}, product);
    for (Index row = 0; row < s.m; ++row)
      for (Index column = 0; column < s.ldc; ++column) {
        if (column >= s.n) {
          ASSERT_TRUE(std::isnan(c(row, column))) << "written behind column " << s.n;
          continue;
        }
        double sum = s.with_bias ? static_cast<double>(bias[column]) : 0, norm = std::abs(sum);
        for (Index k = 0; k < s.k; ++k) {
          const double term = static_cast<double>(s.transpose_a ? a(k, row) : a(row, k)) *
                              static_cast<double>(s.transpose_b ? b(column, k) : b(k, column));
          sum += term;
          norm += std::abs(term);
        }
        if (s.relu) sum = std::max(sum, 0.0);
        ASSERT_NEAR(static_cast<double>(c(row, column)), sum, 4 * norm * std::numeric_limits<T>::epsilon())
            << s.m << " x " << s.n << " x " << s.k << " at " << row << ", " << column;
      }
  });
}

#if defined(__linux__)
// Memory that ends where pages begin that must not be read.
template <class T>
class Fenced {
 public:
  explicit Fenced(const Tensor<T>& values) : bytes_(static_cast<std::size_t>(values.size()) * sizeof(T)) {
    const std::size_t page = 4096, inside = (bytes_ + page - 1) / page * page;
    size_ = inside + page;
    start_ = static_cast<char*>(mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(start_ + inside, page, PROT_NONE);
    data_ = reinterpret_cast<T*>(start_ + inside - bytes_);
    std::copy(values.begin(), values.end(), data_);
  }
  ~Fenced() { munmap(start_, size_); }
  Fenced(const Fenced&) = delete;
  Fenced& operator=(const Fenced&) = delete;

  const T* data() const { return data_; }

 private:
  std::size_t bytes_, size_;
  char* start_;
  T* data_;
};

TYPED_TEST(Gemm, ReadsNothingBehindItsOperands) {
  using T = TypeParam;
  RandomState random(6);
  over_targets(60, [&](int i) {
    Case s = random_case(random, i);
    s.lda = s.transpose_a ? s.m : s.k;
    s.ldb = s.transpose_b ? s.k : s.n;
    const Fenced<T> a(random_tensor<T>(Shape{s.m * s.k}, random)), b(random_tensor<T>(Shape{s.k * s.n}, random));
    Tensor<T> c(Shape{s.m, s.n});
    kernels::gemm(s.transpose_a, s.transpose_b, s.m, s.n, s.k, a.data(), s.lda, b.data(), s.ldb, c.data(), s.n);
  });
}
#endif

TYPED_TEST(Gemm, NothingToSumLeavesTheBias) {
  using T = TypeParam;
  const Tensor<T> bias = testing::tensor<T>(Shape{3}, {1, -2, 3});
  Tensor<T> c = testing::poisoned<T>(Shape{2, 3});
  kernels::gemm<T>(false, false, 2, 3, 0, nullptr, 0, nullptr, 3, c.data(), 3, bias.data(), true);
  EXPECT_TRUE(testing::close(c, testing::tensor<T>(Shape{2, 3}, {1, 0, 3, 1, 0, 3}), 0));
}

TYPED_TEST(Gemm, NaNStaysNaN) {
  using T = TypeParam;
  const Tensor<T> a(Shape{5, 7}, std::numeric_limits<T>::quiet_NaN()), b(Shape{7, 4}, T{1});
  Tensor<T> c(Shape{5, 4});
  testing::for_each_target([&](int) {
    kernels::gemm<T>(false, false, 5, 4, 7, a.data(), 7, b.data(), 4, c.data(), 4, nullptr, true);
    for (const T value : c) EXPECT_TRUE(std::isnan(value));
  });
}

TYPED_TEST(Gemm, SameBitsForAnyNumberOfThreads) {
  using T = TypeParam;
  RandomState random(4);
  const int before = num_threads();
  over_targets(16, [&](int i) {
    const Case s = random_case(random, i * 40);
    const Tensor<T> a = random_tensor<T>(Shape{s.transpose_a ? s.k : s.m, s.lda}, random);
    const Tensor<T> b = random_tensor<T>(Shape{s.transpose_b ? s.n : s.k, s.ldb}, random);
    Tensor<T> expected;
    for (int threads : {1, 2, 3, 5}) {
      set_num_threads(threads);
      Tensor<T> c(Shape{s.m, s.ldc});
      kernels::gemm<T>(s.transpose_a, s.transpose_b, s.m, s.n, s.k, a.data(), s.lda, b.data(), s.ldb, c.data(), s.ldc);
      if (threads == 1) expected = c;
      EXPECT_TRUE(testing::close(c, expected, 0)) << threads << " threads";
    }
  });
  set_num_threads(before);
}

TYPED_TEST(Gemm, TwoProductsHaveTheBitsOfOneAfterTheOther) {
  using T = TypeParam;
  RandomState random(5);
  const int before = num_threads();
  for (const Index n : {7, 70, 200}) {
    const Tensor<T> a = random_tensor<T>(Shape{n, n}, random), b = random_tensor<T>(Shape{n, n}, random);
    const auto multiply = [&](bool transpose_a, Tensor<T>& c) {
      c = testing::poisoned<T>(Shape{n, n});
      kernels::gemm<T>(transpose_a, !transpose_a, n, n, n, a.data(), n, b.data(), n, c.data(), n);
    };
    Tensor<T> expected[2], found[2];
    multiply(true, expected[0]);
    multiply(false, expected[1]);
    for (int threads : {1, 2, 3}) {
      set_num_threads(threads);
      kernels::two_products(
          n * n * n, [&] { multiply(true, found[0]); }, [&] { multiply(false, found[1]); });
      for (int i : {0, 1}) EXPECT_TRUE(testing::close(found[i], expected[i], 0)) << n << ", " << threads << " threads";
    }
  }
  set_num_threads(before);
}

#if defined(__linux__)
// A call that needs the thread pool makes one of the chosen size.
TYPED_TEST(Gemm, SmallProductsDoNotUseTheThreadPool) {
  using T = TypeParam;
  const auto threads = [] {
    const std::filesystem::directory_iterator tasks("/proc/self/task"), end;
    return std::distance(begin(tasks), end);
  };
  const int before = num_threads();
  const auto multiply = [&](bool transpose_a, Index m, Index n, Index k) {
    const Tensor<T> a(Shape{m, k}, T{1}), b(Shape{k, n}, T{1});
    Tensor<T> c(Shape{m, n});
    kernels::gemm<T>(transpose_a, true, m, n, k, a.data(), transpose_a ? m : k, b.data(), k, c.data(), n);
  };
  const auto running = threads();
  set_num_threads(static_cast<int>(running) + 3);
  multiply(false, 2000, 10, 13);
  multiply(true, 10, 5, 5000);
  multiply(false, 4, 10, 3000);
  EXPECT_EQ(threads(), running);
  multiply(false, 100, 100, 100);
  EXPECT_GT(threads(), running) << "a larger pool";
  set_num_threads(before);
}
#endif

}  // namespace
}  // namespace lamina
