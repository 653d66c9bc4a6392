// How precise the activations' kernels are, in units of the last place: against the C library in a wider type.
#include <numbers>

#include "lamina/kernels/activation.h"
#include "tests/layers/layer_testing.h"

namespace lamina {
namespace {

template <class T>
class ActivationKernels : public ::testing::Test {
 protected:
  using Wide = long double;
  using Limits = std::numeric_limits<T>;

  // Numbers of every size up to `most`, of both signs, most of them from 1/1000 on.
  static std::vector<T> numbers(double most) {
    RandomState random(11);
    std::vector<T> all;
    const double powers[] = {std::log(1e-3), std::log(static_cast<double>(Limits::min()))};
    for (Index i = 0; i < 40000; ++i) {
      const double least = powers[i % 8 == 0];
      const double size = std::exp(least + (std::log(most) - least) * random.rand());
      all.push_back(static_cast<T>(random.randint(2) ? size : -size));
    }
    for (Index i = 0; i <= 40000; ++i) all.push_back(static_cast<T>(most * (static_cast<double>(i) / 20000 - 1)));
    return all;
  }

  // |got - right| in units of the last place of `right`. Near the subnormal numbers, where a factor of the result may
  // have fewer bits, `factor` times the smallest number is not counted.
  static double ulps(T got, Wide right, Wide factor) {
    const Wide unit = std::max<Wide>(std::ldexp(Wide{1}, std::ilogb(right)) * Limits::epsilon(), Limits::denorm_min());
    const Wide error = std::abs(got - right) - factor * Limits::denorm_min();
    return std::isnan(got) ? 1e9 : static_cast<double>(std::max<Wide>(error, 0) / unit);
  }

  // Checks kernel(n, x, out) against right(x) on every instruction set. The bound may depend on x.
  template <class Kernel, class Right, class Bound>
  void check(const char* name, double most, const Kernel& kernel, const Right& right, const Bound& bound) {
    const std::vector<T> x = numbers(most);
    std::vector<T> out(x.size());
    testing::for_each_target([&](int) {
      kernel(static_cast<Index>(x.size()), x.data(), out.data());
      double worst = 0, at = 0, share = 0;
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double v = static_cast<double>(x[i]), error = ulps(out[i], right(Wide{x[i]}), 1 + std::abs(Wide{x[i]}));
        if (error > worst) worst = error, at = v;
        share = std::max(share, error / bound(v));
      }
      std::printf("%-16s %s %-13s %.2f ulp at %.9g\n", name, sizeof(T) == 4 ? "float32" : "float64",
                  kernels::target_name().c_str(), worst, at);
      EXPECT_LE(share, 1) << name << ": " << worst << " ulp at " << at;
    });
  }
  static auto everywhere(double bound) {
    return [=](double) { return bound; };
  }
};
TYPED_TEST_SUITE(ActivationKernels, testing::Scalars);

TYPED_TEST(ActivationKernels, Sigmoid) {
  this->check(
      "sigmoid", sizeof(TypeParam) == 4 ? 110 : 800, kernels::sigmoid<TypeParam>,
      [](long double x) { return 1 / (1 + std::exp(-x)); }, this->everywhere(3));
}

TYPED_TEST(ActivationKernels, Tanh) {
  this->check(
      "tanh", 30, kernels::tanh<TypeParam>, [](long double x) { return std::tanh(x); }, this->everywhere(4));
}

TYPED_TEST(ActivationKernels, Silu) {
  this->check(
      "silu", sizeof(TypeParam) == 4 ? 110 : 800, kernels::silu<TypeParam>,
      [](long double x) { return x / (1 + std::exp(-x)); }, this->everywhere(4));
}

TYPED_TEST(ActivationKernels, Gelu) {
  this->check(
      "gelu", sizeof(TypeParam) == 4 ? 15 : 40, kernels::gelu<TypeParam>,
      [](long double x) { return x / 2 * std::erfc(-x / std::numbers::sqrt2_v<long double>); }, this->everywhere(7));
}

TYPED_TEST(ActivationKernels, GeluTanh) {
  const auto v = [](long double x) {
    return 2 * std::sqrt(2 / std::numbers::pi_v<long double>) * (x + 0.044715L * x * x * x);
  };
  this->check(
      "gelu_tanh", sizeof(TypeParam) == 4 ? 11 : 22, kernels::gelu_tanh<TypeParam>,
      [=](long double x) { return x / (1 + std::exp(-v(x))); },
      [=](double x) { return 4 + 3 * static_cast<double>(std::abs(v(x))); });
}

TYPED_TEST(ActivationKernels, Elu) {
  using T = TypeParam;
  const auto kernel = [](Index n, const T* x, T* out) { kernels::elu<T>(n, 1, x, out); };
  this->check(
      "elu", 60, kernel, [](long double x) { return x > 0 ? x : std::expm1(x); }, this->everywhere(4));
}

}  // namespace
}  // namespace lamina
