// Updates of all of a net's parameters in one go equal single ones, whatever they are made of.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "lamina/threads.h"
#include "tests/optim/optim_testing.h"

namespace lamina {
namespace {

using testing::drawn;
using testing::expect_same_bits;

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
      if (p.decays) decay_weights(rule, p.w(), p.config);
      OptimConfig config = p.config;
      config.weight_decay = 0;
      update(rule, p.w(), p.dw, config, p.state);
    }
  }
  updates.run();  // of nothing
  for (std::size_t i = 0; i < alone.size(); ++i) {
    const auto all = [](const Parameter<T>& p) {
      std::vector<T> values(p.around.begin(), p.around.end());
      for (const auto& [name, tensor] : p.state.tensors) values.insert(values.end(), tensor.begin(), tensor.end());
      return values;
    };
    expect_same_bits(all(together[i]), all(alone[i]), std::string(name_of(rule)) + ", parameter " + std::to_string(i));
    EXPECT_EQ(together[i].state.t, alone[i].state.t);
  }
}

TEST(Updates, EqualSingleOnesWithAnyNumberOfThreads) {
  for (const int threads : {1, 2, 3, 5}) {
    set_num_threads(threads);
    SCOPED_TRACE(threads);
    for (const UpdateRule rule : kUpdateRules) {
      for (const std::vector<Index>& sizes :
           {std::vector<Index>{100, 1, 16384, 0, 63, 16385, 64, 16319, 50000, 65, 128, 3}, {1, 16383}, {5}}) {
        updates_equal_single_ones<float>(rule, sizes);
        updates_equal_single_ones<double>(rule, sizes);
      }
    }
  }
  set_num_threads(0);
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
