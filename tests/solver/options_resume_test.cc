// All training options together: a resumed run equals an unbroken one, and bits do not depend on the number of threads.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lamina/nets/conv_net.h"
#include "lamina/solver/checkpoint.h"
#include "lamina/solver/solver.h"
#include "lamina/threads.h"
#include "tests/solver/own_models.h"

namespace lamina {
namespace {

SolverOptions quiet(Index batch_size, Index epochs) {
  SolverOptions options;
  options.batch_size = batch_size;
  options.num_epochs = epochs;
  options.verbose = false;
  return options;
}

Split numbered(Index n) {
  Tensor<double> x({n, 1});
  for (Index i = 0; i < n; ++i) x[i] = static_cast<double>(i);
  return {Examples(std::move(x)), std::vector<Label>(static_cast<std::size_t>(n), 0)};
}

// The options that a run must take up again.
using Change = std::function<void(SolverOptions&)>;
const std::map<std::string, Change> kChanges = {
    {"nothing", [](SolverOptions&) {}},
    {"step",
     [](SolverOptions& o) {
       o.schedule = {ScheduleKind::step, 0, 1, 0.5};
     }},
    {"cosine",
     [](SolverOptions& o) {
       o.schedule = {ScheduleKind::cosine, 1, 10, 0.1};
     }},
    {"one_cycle", [](SolverOptions& o) { o.schedule.kind = ScheduleKind::one_cycle; }},
    {"shuffle", [](SolverOptions& o) { o.shuffle = true; }},
    {"augmentation",
     [](SolverOptions& o) {
       o.augmentation = {true, 2};
     }},
    {"reflection_and_cutout",
     [](SolverOptions& o) { o.augmentation = {.max_shift = 2, .reflect = true, .cutout = 3}; }},
    {"brightness_and_contrast",
     [](SolverOptions& o) { o.augmentation = {.max_shift = 1, .brightness = 0.05, .contrast = 0.3}; }},
    {"nesterov", [](SolverOptions& o) { o.optim_config.nesterov = true; }},
    {"clip_norm", [](SolverOptions& o) { o.clip_norm = 0.01; }},
    {"weight_decay", [](SolverOptions& o) { o.optim_config.weight_decay = 0.1; }},
    {"average", [](SolverOptions& o) { o.average_weights = 0.8; }},
    {"mirror", [](SolverOptions& o) { o.mirror_averaging = true; }},
    {"patience", [](SolverOptions& o) { o.patience = 2; }},
    {"all", [](SolverOptions& o) {
       o.schedule = {ScheduleKind::cosine, 1, 10, 0.1};
       o.shuffle = true;
       o.augmentation = {true, 2};
       o.optim_config.nesterov = true;
       o.optim_config.weight_decay = 0.01;
       o.average_weights = 0.8;
       o.mirror_averaging = true;
       o.clip_norm = 0.5;
     }}};

struct ImageRun {
  RandomState random;
  ConvNet<float> net;
  Solver<ConvNet<float>> solver;
  static ConvNetOptions net_options() {
    ConvNetOptions options;
    options.input_dim = {1, 6, 6};
    options.num_filters = {3};
    options.filter_sizes = {3};
    options.num_classes = 3;
    options.weight_scale = 0.1;
    return options;
  }
  static SolverOptions options(const Change& change) {
    SolverOptions options = quiet(7, 4);
    options.update_rule = UpdateRule::sgd_momentum;
    options.num_train_samples = 10;
    change(options);
    return options;
  }
  ImageRun(const SolverData& data, const Change& change, std::uint32_t seed)
      : random(seed), net(net_options(), random), solver(net, data, options(change), random) {}
};

Split images(RandomState& random, Index n) {
  Tensor<double> x = random.randn({n, 1, 6, 6});
  std::vector<Label> y;
  for (Index i = 0; i < n; ++i) {
    y.push_back(static_cast<Label>(random.randint(3)));
    for (Index j = 0; j < 12; ++j) x[i * 36 + 12 * y.back() + j] += 0.7;
  }
  return {Examples(std::move(x)), std::move(y)};
}

// The same as bytes around a mean of 128.
Split in_bytes(const Split& numbers) {
  Tensor<double> x;
  numbers.X.slice(0, numbers.X.size(), x);
  auto bytes = std::make_shared<Tensor<std::uint8_t>>(x.shape());
  std::transform(x.begin(), x.end(), bytes->begin(),
                 [](double value) { return static_cast<std::uint8_t>(std::clamp(128 + 8 * value, 0.0, 255.0)); });
  return {Examples(std::move(bytes), std::make_shared<Tensor<double>>(Shape{1, 6, 6}, 128.0)), numbers.y};
}

bool same(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

class Resumed : public ::testing::TestWithParam<std::string> {};

TEST_P(Resumed, EqualsTheUnbrokenRun) {
  RandomState draws(5);
  const Split train = images(draws, 24), val = images(draws, 15);
  const bool coloured = GetParam() == "brightness_and_contrast";  // which needs bytes
  const SolverData data{coloured ? in_bytes(train) : train, coloured ? in_bytes(val) : val};
  const Change& change = kChanges.at(GetParam());
  ImageRun unbroken(data, change, 5);
  const std::filesystem::path path = std::string(LAMINA_BINARY_DIR) + "/options_test_" + GetParam() + ".checkpoint";
  std::vector<SolverState<float>> states;
  unbroken.solver.on_iteration = [&](const IterationEvent&) { states.push_back(unbroken.solver.state()); };
  unbroken.solver.train();
  const SolverState<float> end = unbroken.solver.state();
  if (GetParam() != "nothing" && GetParam() != "patience" && GetParam() != "mirror") {
    ImageRun plain(data, kChanges.at("nothing"), 5);
    plain.solver.train();
    EXPECT_FALSE(same(plain.solver.state().params.flat(), end.params.flat())) << "the option does nothing";
  }
  for (std::size_t at = 0; at + 1 < states.size(); ++at) {
    SCOPED_TRACE("from iteration " + std::to_string(at + 1));
    ImageRun resumed(data, change, 99);
    save_checkpoint(path, states[at], "{}");
    resumed.solver.set_state(load_checkpoint<float>(path).state);
    resumed.solver.train();
    const SolverState<float> state = resumed.solver.state();
    EXPECT_EQ(state.history.loss_history, end.history.loss_history);
    EXPECT_EQ(state.history.train_acc_history, end.history.train_acc_history);
    EXPECT_EQ(state.history.val_acc_history, end.history.val_acc_history);
    EXPECT_TRUE(same(state.params.flat(), end.params.flat()));
    EXPECT_TRUE(same(state.average_params.flat(), end.average_params.flat()));
    EXPECT_EQ(state.random, end.random);
    EXPECT_EQ(state.order_random, end.order_random);
    EXPECT_EQ(state.order_position, end.order_position);
    EXPECT_EQ(state.averaged, end.averaged);
  }
  std::filesystem::remove(path);
}

std::vector<std::string> names() {
  std::vector<std::string> result;
  for (const auto& change : kChanges) result.push_back(change.first);
  return result;
}
INSTANTIATE_TEST_SUITE_P(SolverOptions, Resumed, ::testing::ValuesIn(names()),
                         [](const auto& option) { return option.param; });

// The parameters and averages after a run with all options, in one list.
template <class T>
std::vector<T> trained_with_all(Precision precision, int threads) {
  set_num_threads(threads);
  RandomState random(5);
  const auto split = [&](Index n) {
    auto bytes = std::make_shared<Tensor<std::uint8_t>>(Shape{n, 3, 16, 16});
    for (std::uint8_t& value : *bytes) value = static_cast<std::uint8_t>(random.randint(256));
    std::vector<Label> y(static_cast<std::size_t>(n));
    for (Label& label : y) label = static_cast<Label>(random.randint(4));
    return Split{Examples(std::move(bytes), std::make_shared<Tensor<double>>(Shape{3, 16, 16}, 120.0)), std::move(y)};
  };
  const SolverData data{split(120), split(40)};
  ConvNetOptions net_options;
  net_options.input_dim = {3, 16, 16};
  net_options.num_filters = {24, 32};
  net_options.filter_sizes = {5, 3};
  net_options.num_classes = 4;
  net_options.pools = {2, 1};
  net_options.global_average = true;
  net_options.precision = precision;
  ConvNet<T> net(net_options, random);
  net.label_smoothing = 0.1;
  SolverOptions options = ImageRun::options(kChanges.at("all"));
  options.batch_size = 50;
  Solver solver(net, data, options, random);
  solver.train();
  const SolverState<T> state = solver.state();
  std::vector<T> all(state.params.flat().begin(), state.params.flat().end());
  all.insert(all.end(), state.average_params.flat().begin(), state.average_params.flat().end());
  set_num_threads(0);
  return all;
}

TEST(SolverOptions, BitsDoNotDependOnThreads) {
  for (const Precision precision : {Precision::full, Precision::bf16}) {
    const std::vector<float> one = trained_with_all<float>(precision, 1);
    EXPECT_EQ(one, trained_with_all<float>(precision, 3));
    EXPECT_TRUE(std::all_of(one.begin(), one.end(), [](float w) { return std::isfinite(w); }));
  }
  EXPECT_EQ(trained_with_all<double>(Precision::full, 1), trained_with_all<double>(Precision::full, 3));
}

TEST(SolverOptions, AStateOfOtherDataIsRefused) {
  RandomState draws(5);
  const Split train = images(draws, 24), val = images(draws, 15);
  ImageRun run({train, val}, kChanges.at("all"), 5);
  run.solver.train();
  SolverState<float> state = run.solver.state();
  state.order_size = 23;
  EXPECT_THROW(run.solver.set_state(state), std::invalid_argument);
  state = run.solver.state();
  state.average_params = Parameters<float>({{"W", {2}}});
  EXPECT_THROW(run.solver.set_state(state), std::invalid_argument);
  SolverOptions options = quiet(2, 1);
  options.augmentation.mirror = true;
  Scripted model;
  RandomState random(1);
  EXPECT_THROW(Solver(model, {numbered(4), numbered(4)}, options, random), std::invalid_argument);
}

}  // namespace
}  // namespace lamina
