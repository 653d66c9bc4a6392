// Updates of all of a net's parameters in one go equal single ones, whatever they are made of.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "lamina/kernels/elementwise.h"
#include "lamina/kernels/machine/threads.h"
#include "lamina/kernels/products/gemm.h"
#include "tests/optim/optim_testing.h"

namespace lamina {
namespace {

using testing::drawn;
using testing::expect_same_bits;
using testing::kRules;
using testing::message_of;

// One of a net's parameters, between numbers that must stay.
template <class T>
struct Parameter {
  static constexpr Index kMargin = 64;
  Tensor<T> around, dw;
  OptimConfig config;
  OptimState<T> state;
  bool decays;

  Parameter(RandomState& random, Index n, int i)
      : around(drawn<T>(random, n + 2 * kMargin)), dw(drawn<T>(random, n)), decays(i % 2 == 0) {
    config.learning_rate = 1e-2 / (i + 1);
    config.nesterov = i % 3 == 0;
    config.weight_decay = i % 4 == 0 ? 0 : 0.1;
  }
  TensorView<T> w() { return {around.data() + kMargin, dw.shape()}; }
};

template <class T>
void updates_equal_single_ones(UpdateRule rule, const std::vector<Index>& sizes) {
  RandomState random(7);
  std::vector<Parameter<T>> together;
  for (int i = 0; const Index n : sizes) together.emplace_back(random, n, i++);
  std::vector<Parameter<T>> alone = together;
  Updates<T> updates;
  for (int step = 0; step < 3; ++step) {
    for (Parameter<T>& p : together) updates.add(rule, p.w(), p.dw, p.config, p.state, p.decays);
    updates.run();
    for (Parameter<T>& p : alone) {
      if (p.decays) decay_weights<T>(rule, p.w(), p.config);
      update<T>(rule, p.w(), p.dw, p.config, p.state);
    }
  }
  updates.run();  // of nothing
  for (std::size_t i = 0; i < alone.size(); ++i) {
    const auto all = [](const Parameter<T>& p) {
      std::vector<T> values(p.around.begin(), p.around.end());
      values.insert(values.end(), p.state.first.begin(), p.state.first.end());
      values.insert(values.end(), p.state.second.begin(), p.state.second.end());
      return values;
    };
    expect_same_bits(all(together[i]), all(alone[i]), std::string(name_of(rule)) + ", parameter " + std::to_string(i));
    EXPECT_EQ(together[i].state.t, alone[i].state.t);
  }
}

TEST(Updates, EqualSingleOnesWithAnyNumberOfThreads) {
  for (const int threads : {1, 2, 3, 5}) {
    kernels::set_num_threads(threads);
    SCOPED_TRACE(threads);
    for (const UpdateRule rule : kRules) {
      for (const std::vector<Index>& sizes :
           {std::vector<Index>{100, 1, 16384, 0, 63, 16385, 64, 16319, 50000, 65, 128, 3}, {1, 16383}, {5}}) {
        updates_equal_single_ones<float>(rule, sizes);
        updates_equal_single_ones<double>(rule, sizes);
      }
    }
  }
  kernels::set_num_threads(0);
}

// dw as a product, dw += reg w, decay and the rule, in that order, as one by one.
template <class T>
void products_equal_single_ones(UpdateRule rule, T reg, Index N, Index D, Index M) {
  RandomState random(8);
  Parameter<T> alone(random, D * M, 0);
  alone.config.weight_decay = 0.1;
  Parameter<T> together = alone, kept = alone;
  const Tensor<T> x = drawn<T>(random, N * D), dout = drawn<T>(random, N * M);
  const WeightGradient<T> gradient{x.reshaped({N, D}), dout.reshaped({N, M})};
  Updates<T> updates;
  for (int step = 0; step < 3; ++step) {
    Tensor<T> dw(Shape{D, M});
    kernels::gemm<T>(true, false, D, M, N, x.data(), D, dout.data(), M, dw.data(), M);
    Tensor<T> left = dw;
    if (reg != 0) kernels::axpy(D * M, reg, alone.w().data(), dw.data());
    decay_weights<T>(rule, alone.w(), alone.config);
    update<T>(rule, alone.w(), dw.reshaped({D * M}), alone.config, alone.state);
    const auto matrix = [&](Parameter<T>& p) { return p.w().reshaped({D, M}); };
    if (step == 0) together.state = kept.state = {};
    updates.add(rule, matrix(together), gradient, together.config, together.state, true, reg);
    updates.add(rule, matrix(kept), left, kept.config, kept.state, true, reg);
    // Of w as it was before: of both, one by one.
    const double squares = reg == 0 ? 0 : kernels::sum_of_squares(D * M, together.w().data());
    EXPECT_EQ(updates.run(), squares + squares);
    expect_same_bits(std::vector<T>(left.begin(), left.end()), std::vector<T>(dw.begin(), dw.end()), "dw");
  }
  for (Parameter<T>* p : {&together, &kept})
    expect_same_bits(std::vector<T>(p->around.begin(), p->around.end()),
                     std::vector<T>(alone.around.begin(), alone.around.end()), std::string(name_of(rule)));
}

TEST(Updates, ProductsAndRegularizationEqualSingleOnes) {
  for (const int threads : {1, 2, 5}) {
    kernels::set_num_threads(threads);
    SCOPED_TRACE(threads);
    for (const UpdateRule rule : kRules)
      for (const double reg : {0.0, 0.3}) {
        products_equal_single_ones<float>(rule, static_cast<float>(reg), 100, 1030, 100);
        products_equal_single_ones<float>(rule, static_cast<float>(reg), 3, 70, 1);
        products_equal_single_ones<double>(rule, reg, 20, 1030, 70);
      }
  }
  kernels::set_num_threads(0);
}

// As a net adds the squares up, whatever lies beside a parameter and whoever updates it.
TEST(Updates, SumsOfSquaresOfWhatHasAReg) {
  for (const int threads : {1, 2, 5}) {
    kernels::set_num_threads(threads);
    RandomState random(9);
    Updates<float> updates;
    double expected = 0;
    std::vector<Parameter<float>> all;
    for (int i = 0; const Index n : {100, 16385, 0, 16384, 64, 50000, 16383, 3}) all.emplace_back(random, n, i++);
    for (std::size_t i = 0; i < all.size(); ++i) {
      Parameter<float>& p = all[i];
      const float reg = i % 3 == 0 ? 0 : 0.1f;
      if (reg != 0) expected += kernels::sum_of_squares(p.w().size(), p.w().data());
      updates.add(UpdateRule::adam, p.w(), p.dw, p.config, p.state, p.decays, reg);
    }
    EXPECT_EQ(updates.run(), expected);
    for (Parameter<float>& p : all) updates.add(UpdateRule::adam, p.w(), p.dw, p.config, p.state);
    EXPECT_EQ(updates.run(), 0);
  }
  kernels::set_num_threads(0);
}

TEST(Updates, RefuseProductsOfOtherShapes) {
  Tensor<float> w(Shape{4, 3}), x(Shape{2, 4}), dout(Shape{2, 2}), few(Shape{1, 3});
  OptimState<float> state;
  Updates<float> updates;
  const auto added = [&](const Tensor<float>& y) {
    return message_of([&] { updates.add(UpdateRule::sgd, w, WeightGradient<float>{x, y}, {}, state); });
  };
  EXPECT_EQ(added(dout), "[sgd] expected dw of shape (4, 3) to match w, got (4, 2)");
  EXPECT_EQ(added(few),
            "[sgd] expected a gradient's x (N, D) and dout (N, M) for w (D, M), got (2, 4) and (1, 3) for (4, 3)");
}

TEST(Updates, NothingMovesWhereOneIsRefused) {
  RandomState random(1);
  Tensor<double> w = drawn<double>(random, 8), dw = drawn<double>(random, 8), short_dw = drawn<double>(random, 7);
  const Tensor<double> before = w;
  OptimState<double> state, other;
  Updates<double> updates;
  updates.add(UpdateRule::adam, w, dw, {}, state);
  EXPECT_EQ(message_of([&] { updates.add(UpdateRule::adam, w, short_dw, {}, other); }),
            "[adam] expected dw of shape (8,) to match w, got (7,)");
  updates.clear();
  updates.run();
  EXPECT_TRUE(std::equal(w.begin(), w.end(), before.begin()));
  EXPECT_EQ(state.t, 0);
}

}  // namespace
}  // namespace lamina
