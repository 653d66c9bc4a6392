// A run that goes on from a state, in memory or in a file, equals the unbroken one bit for bit.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "lamina/nets/fully_connected_net.h"
#include "lamina/solver/checkpoint.h"
#include "lamina/solver/solver.h"
#include "tests/solver/own_models.h"

namespace lamina {
namespace {

constexpr auto kRules = kUpdateRules;
constexpr Index kTrain = 24, kVal = 15, kInputs = 6, kClasses = 3;

SolverOptions options_of(UpdateRule rule) {
  SolverOptions options;
  options.update_rule = rule;
  options.optim_config.learning_rate = rule == UpdateRule::sgd ? 0.2 : 0.03;
  options.lr_decay = 0.8;
  options.batch_size = 7;  // 3 iterations an epoch
  options.num_epochs = 3;
  options.num_train_samples = 10;
  options.num_val_samples = 11;
  options.verbose = false;
  return options;
}

// A model, its stream and its Solver, from a seed.
template <class T>
struct LinearRun {
  RandomState random;
  NoisyLinear<T> model;
  Solver<NoisyLinear<T>> solver;
  LinearRun(UpdateRule rule, const SolverData& data, std::uint32_t seed)
      : random(seed), model(kInputs, kClasses, random), solver(model, data, options_of(rule), random) {}
};

template <class T>
struct NetRun {
  RandomState random;
  FullyConnectedNet<T> model;
  Solver<FullyConnectedNet<T>> solver;
  static FullyConnectedNetOptions net() {
    FullyConnectedNetOptions options;
    options.hidden_dims = {9, 8};
    options.input_dim = kInputs;
    options.num_classes = kClasses;
    options.dropout = 0.7;
    options.normalization = Normalization::batchnorm;
    options.reg = 0.01;
    options.weight_scale = 0.3;
    return options;
  }
  NetRun(UpdateRule rule, const SolverData& data, std::uint32_t seed)
      : random(seed), model(net(), random), solver(model, data, options_of(rule), random) {}
};

SolverData data_of_runs() {
  RandomState random(11);
  return {drawn_split(random, kTrain, kInputs, kClasses), drawn_split(random, kVal, kInputs, kClasses)};
}

template <class V>
bool same_bits(std::span<const V> a, std::span<const V> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

template <class T>
bool same_bits(const std::vector<Tensor<T>>& a, const std::vector<Tensor<T>>& b) {
  bool same = a.size() == b.size();
  for (std::size_t i = 0; same && i < a.size(); ++i)
    same = a[i].shape() == b[i].shape() && same_bits(a[i].flat(), b[i].flat());
  return same;
}

template <class T>
void expect_same(const SolverState<T>& got, const SolverState<T>& expected, const std::string& what) {
  SCOPED_TRACE(what);
  using List = std::span<const double>;
  EXPECT_EQ(got.epoch, expected.epoch);
  EXPECT_EQ(got.iteration, expected.iteration);
  EXPECT_EQ(got.num_iterations, expected.num_iterations);
  EXPECT_EQ(got.learning_rate, expected.learning_rate);
  EXPECT_EQ(got.images, expected.images);
  EXPECT_TRUE(same_bits(List(got.history.loss_history), List(expected.history.loss_history)));
  EXPECT_TRUE(same_bits(List(got.history.train_acc_history), List(expected.history.train_acc_history)));
  EXPECT_TRUE(same_bits(List(got.history.val_acc_history), List(expected.history.val_acc_history)));
  EXPECT_EQ(got.history.best_val_acc, expected.history.best_val_acc);
  EXPECT_TRUE(same_bits(got.params.flat(), expected.params.flat()));
  EXPECT_TRUE(same_bits(got.best_params.flat(), expected.best_params.flat()));
  EXPECT_TRUE(same_bits(got.buffers, expected.buffers));
  EXPECT_TRUE(same_bits(got.best_buffers, expected.best_buffers));
  ASSERT_EQ(got.optim.size(), expected.optim.size());
  for (std::size_t i = 0; i < got.optim.size(); ++i) {
    ASSERT_EQ(got.optim[i].tensors.size(), expected.optim[i].tensors.size());
    for (const auto& [name, tensor] : expected.optim[i].tensors)
      EXPECT_TRUE(same_bits(std::as_const(got.optim[i].tensors.at(name)).flat(), tensor.flat())) << name;
    EXPECT_EQ(got.optim[i].t, expected.optim[i].t);
  }
  EXPECT_EQ(got.random, expected.random);
}

// Two calls of train() unbroken; then from the state after each iteration, the first of them through a file.
template <class T, template <class> class Run>
void resume_everywhere(UpdateRule rule) {
  const SolverData data = data_of_runs();
  Run<T> unbroken(rule, data, 5);
  std::vector<SolverState<T>> states{unbroken.solver.state()};
  unbroken.solver.on_iteration = [&](const IterationEvent&) { states.push_back(unbroken.solver.state()); };
  unbroken.solver.train();
  unbroken.solver.train();
  const SolverState<T> end = unbroken.solver.state();
  ASSERT_EQ(states.size(), 19u);
  ASSERT_EQ(end.history.loss_history.size(), 18u);
  ASSERT_NE(end.history.loss_history.front(), end.history.loss_history.back());

  const std::filesystem::path path = std::string(LAMINA_BINARY_DIR) + "/resume_test_" + std::string(name_of(rule)) +
                                     (sizeof(T) == 4 ? "_float" : "_double") + ".checkpoint";
  for (std::size_t at = 0; at < states.size(); ++at) {
    Run<T> resumed(rule, data, 99);
    if (at % 2 == 0) {
      save_checkpoint(path, states[at], "{}");
      resumed.solver.set_state(load_checkpoint<T>(path).state);
    } else {
      resumed.solver.set_state(states[at]);
    }
    expect_same(resumed.solver.state(), states[at], "as read after iteration " + std::to_string(at));
    while (resumed.solver.history().loss_history.size() < 18) resumed.solver.train();
    expect_same(resumed.solver.state(), end, "from iteration " + std::to_string(at));
  }
  std::filesystem::remove(path);
}

TEST(Resume, OwnModel) {
  for (const UpdateRule rule : kRules) {
    SCOPED_TRACE(name_of(rule));
    resume_everywhere<float, LinearRun>(rule);
    resume_everywhere<double, LinearRun>(rule);
  }
}

TEST(Resume, FullyConnectedNetWithDropoutAndBatchNorm) {
  for (const UpdateRule rule : kRules) {
    SCOPED_TRACE(name_of(rule));
    resume_everywhere<float, NetRun>(rule);
    resume_everywhere<double, NetRun>(rule);
  }
}

// The run whose checkpoint after iteration 5 of 9 lies in tests/golden, as version 1 of the format wrote it.
struct RunOfVersion1 {
  RandomState random{5};
  NoisyLinear<double> model{4, 3, random};
  SolverData data{drawn_split(random, 12, 4, 3), drawn_split(random, 8, 4, 3)};
  Solver<NoisyLinear<double>> solver;

  explicit RunOfVersion1(UpdateRule rule) : solver(model, data, options(rule), random) {}
  static SolverOptions options(UpdateRule rule) {
    SolverOptions options;
    options.update_rule = rule;
    options.optim_config.learning_rate = 0.05;
    options.batch_size = 4;
    options.num_epochs = 3;
    options.lr_decay = 0.9;
    options.verbose = false;
    options.shuffle = rule == UpdateRule::adam;
    options.average_weights = rule == UpdateRule::adam ? 0.8 : 0;
    return options;
  }
};

TEST(Resume, FilesOfVersion1) {
  for (const auto& [rule, names] : {std::pair(UpdateRule::sgd_momentum, std::vector<std::string>{"velocity"}),
                                    {UpdateRule::rmsprop, {"cache"}},
                                    {UpdateRule::adam, {"m", "v"}}}) {
    SCOPED_TRACE(name_of(rule));
    const Checkpoint<double> file = load_checkpoint<double>(
        std::string(LAMINA_SOURCE_DIR) + "/tests/golden/checkpoint_1_" + std::string(name_of(rule)) + ".bin");
    EXPECT_EQ(file.info.config, "{}");
    ASSERT_EQ(file.state.history.loss_history.size(), 5u);
    ASSERT_EQ(file.state.optim.size(), 2u);
    for (const OptimState<double>& state : file.state.optim) {
      ASSERT_EQ(state.tensors.size(), names.size());
      for (const std::string& name : names) EXPECT_TRUE(state.tensors.contains(name)) << name;
      EXPECT_EQ(state.t, rule == UpdateRule::adam ? 5 : 0);
    }
    RunOfVersion1 unbroken(rule), resumed(rule);
    unbroken.solver.train();
    resumed.solver.set_state(file.state);
    resumed.solver.train();
    // Another processor's exp and log may differ in the last bit.
    const auto expect_near = [](std::span<const double> got, std::span<const double> expected) {
      ASSERT_EQ(got.size(), expected.size());
      for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-12) << i;
    };
    expect_near(resumed.solver.history().loss_history, unbroken.solver.history().loss_history);
    expect_near(std::as_const(resumed.model).params().flat(), std::as_const(unbroken.model).params().flat());
  }
}

TEST(Resume, StateOfAnotherModelIsRefusedAndChangesNothing) {
  const SolverData data = data_of_runs();
  LinearRun<float> run(UpdateRule::adam, data, 1);
  run.solver.train();
  const SolverState<float> before = run.solver.state();
  const auto message = [&](auto change) -> std::string {
    SolverState<float> state = before;
    change(state);
    try {
      run.solver.set_state(state);
    } catch (const std::invalid_argument& error) {
      expect_same(run.solver.state(), before, "after a refused state");
      return error.what();
    }
    return "no exception";
  };
  using S = SolverState<float>;
  EXPECT_EQ(message([](S& s) {
              s.params = Parameters<float>({{"W", {6, 3}}});
            }),
            "[Solver::set_state] expected 2 parameters, as the model has, got 1");
  EXPECT_EQ(message([](S& s) {
              s.params = Parameters<float>({{"W", {6, 3}}, {"c", {3}}});
            }),
            "[Solver::set_state] expected parameters named b, got c");
  EXPECT_EQ(message([](S& s) {
              s.params = Parameters<float>({{"W", {6, 4}}, {"b", {3}}});
            }),
            "[Solver::set_state] expected W of shape (6, 3) to match the model, got (6, 4)");
  EXPECT_EQ(message([](S& s) {
              s.best_params = Parameters<float>({{"W", {6, 3}}});
            }),
            "[Solver::set_state] expected 2 best parameters, as the model has, got 1");
  EXPECT_EQ(message([](S& s) { s.buffers.clear(); }),
            "[Solver::set_state] expected 1 buffers, as the model has, got 0");
  EXPECT_EQ(message([](S& s) { s.best_buffers[0] = Tensor<float>(Shape{5}); }),
            "[Solver::set_state] expected mean of shape (6,) to match the model, got (5,)");
  EXPECT_EQ(message([](S& s) { s.optim.pop_back(); }),
            "[Solver::set_state] expected an update-rule state for each of 2 parameters, got 1");
  EXPECT_EQ(message([](S& s) { s.optim[1].tensors["v"] = Tensor<float>(Shape{2}); }),
            "[Solver::set_state] expected v of b of shape (3,) to match the model, got (2,)");
  EXPECT_EQ(message([](S& s) { s.iteration = 10; }), "[Solver::set_state] expected an iteration of 0 to 9, got 10");
  EXPECT_EQ(message([](S& s) { s.history.loss_history.clear(); }),
            "[Solver::set_state] expected a loss for each of 9 iterations, got 0");
  EXPECT_EQ(message([](S& s) { s.learning_rate = 0; }), "[Solver::set_state] expected a learning rate above 0, got 0");
  EXPECT_EQ(message([](S& s) { s.random.position = 700; }),
            "[RandomState::set_state] expected a position of 0 to 624, got 700");
}

}  // namespace
}  // namespace lamina
