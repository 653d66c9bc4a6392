// What tests of update rules share.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "lamina/optim/update_rule.h"
#include "lamina/random.h"
#include "tests/message_of.h"

namespace lamina::testing {

template <class T>
Tensor<T> drawn(RandomState& random, Index n) {
  Tensor<T> x(Shape{n});
  for (T& value : x) value = static_cast<T>(random.randn());
  return x;
}

template <class T>
void expect_same_bits(const std::vector<T>& got, const std::vector<T>& expected, const std::string& what) {
  ASSERT_EQ(got.size(), expected.size()) << what;
  for (std::size_t i = 0; i < got.size(); ++i) ASSERT_EQ(got[i], expected[i]) << what << ", element " << i;
}

}  // namespace lamina::testing
