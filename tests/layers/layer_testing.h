// What the tests of layers share: random tensors, poisoned outputs, closeness by norm and epsilon, instruction sets.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "lamina/kernels/machine/target.h"
#include "lamina/random.h"
#include "lamina/tensor.h"

namespace lamina::testing {

/// Both precisions, for TYPED_TEST_SUITE.
using Scalars = ::testing::Types<float, double>;

/// offset + scale * randn(shape).
template <class T>
Tensor<T> random_tensor(const Shape& shape, RandomState& random, double scale = 1, double offset = 0) {
  Tensor<T> x(shape);
  for (T& value : x) value = static_cast<T>(offset + scale * random.randn());
  return x;
}

/// NaN everywhere: what outputs hold before a call, to prove that every element is written.
template <class T>
Tensor<T> poisoned(const Shape& shape) {
  return Tensor<T>(shape, std::numeric_limits<T>::quiet_NaN());
}

/// The same values in another precision.
template <class To, class From>
Tensor<To> cast(const TensorView<From>& x) {
  Tensor<To> y(x.shape());
  for (Index i = 0; i < x.size(); ++i) y[i] = static_cast<To>(x[i]);
  return y;
}

/// NumPy's linspace(first, last, size), in `shape`.
template <class T>
Tensor<T> linspace(double first, double last, const Shape& shape) {
  Tensor<T> x(shape);
  const double step = (last - first) / static_cast<double>(x.size() - 1);
  for (Index i = 0; i < x.size(); ++i) x[i] = static_cast<T>(static_cast<double>(i) * step + first);
  if (!x.empty()) x[x.size() - 1] = static_cast<T>(last);
  return x;
}

template <class T>
Tensor<T> tensor(const Shape& shape, const std::vector<T>& values) {
  return Tensor<T>(shape, values);
}

/// The largest absolute value; 0 for an empty tensor.
template <class T>
double max_abs(const TensorView<T>& x) {
  double largest = 0;
  for (const T value : x) largest = std::max(largest, std::abs(static_cast<double>(value)));
  return largest;
}

/// The square root of the sum of squares.
template <class T>
double norm(const TensorView<T>& x) {
  double sum = 0;
  for (const T value : x) sum += static_cast<double>(value) * static_cast<double>(value);
  return std::sqrt(sum);
}

/// Whether every |got - expected| <= constant * scale * epsilon of T, the type of `got`; NaN equals NaN only, and
/// the shapes must be the same. `scale`: the norm that rounding errors grow with, by default max |expected|.
template <class T, class U>
::testing::AssertionResult close(const TensorView<T>& got, const TensorView<U>& expected, double constant,
                                 double scale = -1) {
  if (!(got.shape() == expected.shape()))
    return ::testing::AssertionFailure() << "shape " << got.shape().to_string() << ", expected "
                                         << expected.shape().to_string();
  if (scale < 0) scale = max_abs(expected);
  const double bound = constant * scale * static_cast<double>(std::numeric_limits<T>::epsilon());
  for (Index i = 0; i < got.size(); ++i) {
    const double a = static_cast<double>(got[i]), b = static_cast<double>(expected[i]);
    if (!(std::abs(a - b) <= bound) && !(std::isnan(a) && std::isnan(b)) && a != b)
      return ::testing::AssertionFailure() << "element " << i << " of " << got.shape().to_string() << " is " << a
                                           << ", expected " << b << " within " << bound;
  }
  return ::testing::AssertionSuccess();
}

/// The same with a scale for each element.
template <class T, class U>
::testing::AssertionResult close_each(const TensorView<T>& got, const TensorView<U>& expected, double constant,
                                      const TensorView<double>& scales) {
  if (!(got.shape() == expected.shape()) || got.size() != scales.size())
    return ::testing::AssertionFailure() << "shape " << got.shape().to_string() << ", expected "
                                         << expected.shape().to_string();
  for (Index i = 0; i < got.size(); ++i) {
    const double a = static_cast<double>(got[i]), b = static_cast<double>(expected[i]);
    const double bound = constant * scales[i] * static_cast<double>(std::numeric_limits<T>::epsilon());
    if (!(std::abs(a - b) <= bound) && !(std::isnan(a) && std::isnan(b)) && a != b)
      return ::testing::AssertionFailure() << "element " << i << " of " << got.shape().to_string() << " is " << a
                                           << ", expected " << b << " within " << bound;
  }
  return ::testing::AssertionSuccess();
}

/// |x|, in double.
template <class T>
Tensor<double> absolute(const TensorView<T>& x) {
  Tensor<double> y(x.shape());
  for (Index i = 0; i < x.size(); ++i) y[i] = std::abs(static_cast<double>(x[i]));
  return y;
}

/// Runs body(t) with each instruction set of this machine in turn, t counting them from 0.
template <class Body>
void for_each_target(Body&& body) {
  const std::string before = kernels::target_name();
  int t = 0;
  for (const std::string& name : kernels::available_targets()) {
    kernels::set_target(name);
    SCOPED_TRACE("instruction set " + name);
    body(t++);
  }
  kernels::set_target(before);
}

/// Calls body(i) for i = 0 .. count - 1 with the instruction sets by turns, so that each meets its share of random
/// shapes; stops at the first failure.
template <class Body>
void over_targets(int count, Body&& body) {
  const std::string before = kernels::target_name();
  const std::vector<std::string> names = kernels::available_targets();
  for (int i = 0; i < count && !::testing::Test::HasFailure(); ++i) {
    const std::string& name = names[static_cast<std::size_t>(i) % names.size()];
    kernels::set_target(name);
    SCOPED_TRACE("case " + std::to_string(i) + ", instruction set " + name);
    body(i);
  }
  kernels::set_target(before);
}

/// A length for a hostile shape: often 1 or beside a multiple of a vector's width, else anything up to `most`.
inline Index random_length(RandomState& random, Index most) {
  switch (random.randint(4)) {
    case 0:
      return 1 + random.randint(std::min<Index>(most, 3));
    case 1:
      return std::min<Index>(most, std::max<Index>(1, 16 * random.randint(5) - 1 + random.randint(3)));
    default:
      return 1 + random.randint(most);
  }
}

/// Expects a std::invalid_argument whose message is `message` or, where that ends in "...", starts with it.
template <class Call>
void expect_error(Call&& call, const std::string& message) {
  try {
    call();
    ADD_FAILURE() << "expected the error " << message;
  } catch (const std::invalid_argument& error) {
    if (message.ends_with("..."))
      EXPECT_THAT(error.what(), ::testing::StartsWith(message.substr(0, message.size() - 3)));
    else
      EXPECT_EQ(error.what(), message);
  }
}

}  // namespace lamina::testing
