// Whole training histories against those of the plain NumPy program tests/golden/solver_reference.py.
#include <gtest/gtest.h>

#include <cctype>
#include <cmath>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lamina/nets/conv_net.h"
#include "lamina/nets/fully_connected_net.h"
#include "lamina/solver/solver.h"
#include "lamina/threads.h"

namespace lamina {
namespace {

using nlohmann::json;

const json& cases() {
  static const json all = [] {
    std::ifstream file(LAMINA_SOURCE_DIR "/tests/golden/solver_reference.json");
    return json::parse(file);
  }();
  return all;
}

Shape shape_of(const json& list) {
  const auto lengths = list.get<std::vector<Index>>();
  return Shape(std::span<const Index>(lengths));
}

// The script's images(): a pattern a class, noise on top.
SolverData draw_data(const json& c, RandomState& random) {
  const Shape shape = shape_of(c.at("input_dim"));
  const Index num_train = c.at("num_train"), num_val = c.at("num_val"), n = num_train + num_val;
  const Index classes = c.at("num_classes"), size = shape.size();
  const double noise = c.at("noise");
  const Tensor<double> patterns = random.randn({classes, shape[0], shape[1], shape[2]});
  std::vector<std::int64_t> y(static_cast<std::size_t>(n));
  random.randint(0, classes, y);
  Tensor<double> x = random.randn({n, shape[0], shape[1], shape[2]});
  for (Index i = 0; i < n; ++i)
    for (Index k = 0; k < size; ++k)
      x[i * size + k] = patterns[y[static_cast<std::size_t>(i)] * size + k] + noise * x[i * size + k];
  const auto split = [&](Index first, Index count) {
    return Split{Examples(Tensor<double>(x.rows(first, count))),
                 std::vector<Label>(y.begin() + first, y.begin() + first + count)};
  };
  return {split(0, num_train), split(num_train, num_val)};
}

template <class T>
std::unique_ptr<Net<T>> make(const json& c, RandomState& random) {
  const json& o = c.at("options");
  if (c.at("net") == "fc") {
    FullyConnectedNetOptions options;
    options.hidden_dims = o.at("hidden_dims").get<std::vector<Index>>();
    options.input_dim = shape_of(c.at("input_dim")).size();
    options.num_classes = c.at("num_classes");
    options.dropout = o.value("dropout", 1.0);
    options.reg = o.value("reg", 0.0);
    options.weight_scale = o.at("weight_scale");
    const std::string normalization = o.value("normalization", "none");
    if (normalization == "batchnorm") options.normalization = Normalization::batchnorm;
    if (normalization == "layernorm") options.normalization = Normalization::layernorm;
    if (o.contains("seed")) options.seed = o.at("seed").get<std::uint32_t>();
    return std::make_unique<FullyConnectedNet<T>>(options, random);
  }
  ConvNetOptions options;
  options.input_dim = shape_of(c.at("input_dim"));
  options.num_filters = o.at("num_filters").get<std::vector<Index>>();
  options.filter_sizes = o.at("filter_sizes").get<std::vector<Index>>();
  options.num_classes = c.at("num_classes");
  options.weight_scale = o.at("weight_scale");
  options.reg = o.value("reg", 0.0);
  options.use_batch_norm = o.value("use_batch_norm", true);
  options.conv_strides = {o.value("conv_stride", Index{1})};
  return std::make_unique<ConvNet<T>>(options, random);
}

SolverOptions options_of(const json& c) {
  const json& o = c.at("solver");
  SolverOptions options;
  options.update_rule = update_rule_from_name(o.at("update_rule").get<std::string>());
  options.optim_config.learning_rate = o.at("learning_rate");
  options.lr_decay = o.at("lr_decay");
  options.batch_size = o.at("batch_size");
  options.num_epochs = o.at("num_epochs");
  const auto samples = [&](const char* name) {
    const Index count = o.at(name);
    return count == 0 ? std::nullopt : std::optional(count);
  };
  options.num_train_samples = samples("num_train_samples");
  options.num_val_samples = samples("num_val_samples");
  options.verbose = false;
  return options;
}

class Golden : public testing::TestWithParam<std::size_t> {};

TEST_P(Golden, DoubleEqualsNumPy) {
  const json& c = cases()[GetParam()];
  SCOPED_TRACE(c.at("name").get<std::string>());
  RandomState random(c.at("seed").get<std::uint32_t>());
  SolverData data = draw_data(c, random);
  const Split val = data.val;
  const auto net = make<double>(c, random);
  Solver solver(*net, std::move(data), options_of(c), random);
  ASSERT_TRUE(solver.train());

  const json& expected = c.at("history");
  const auto losses = expected.at("loss_history").get<std::vector<double>>();
  ASSERT_GE(losses.size(), 40u);
  ASSERT_GE(solver.epoch(), 2);
  ASSERT_EQ(solver.history().loss_history.size(), losses.size());
  for (std::size_t i = 0; i < losses.size(); ++i)
    ASSERT_NEAR(solver.history().loss_history[i], losses[i], 1e-9 * std::abs(losses[i])) << "iteration " << i + 1;
  EXPECT_EQ(solver.history().train_acc_history, expected.at("train_acc_history").get<std::vector<double>>());
  EXPECT_EQ(solver.history().val_acc_history, expected.at("val_acc_history").get<std::vector<double>>());
  EXPECT_EQ(solver.history().best_val_acc, expected.at("best_val_acc").get<double>());
  EXPECT_EQ(solver.check_accuracy(val), expected.at("final_val_acc").get<double>());
  EXPECT_EQ(random.rand(), c.at("next_rand").get<double>());
}

// The same draws, rounded: the first losses agree to float's precision.
TEST_P(Golden, FloatStaysClose) {
  const json& c = cases()[GetParam()];
  SCOPED_TRACE(c.at("name").get<std::string>());
  RandomState random(c.at("seed").get<std::uint32_t>());
  SolverData data = draw_data(c, random);
  const auto net = make<float>(c, random);
  Solver solver(*net, std::move(data), options_of(c), random);
  solver.should_stop = [&] { return solver.history().loss_history.size() == 10; };
  ASSERT_FALSE(solver.train());
  const auto losses = c.at("history").at("loss_history").get<std::vector<double>>();
  for (std::size_t i = 0; i < 10; ++i)
    EXPECT_NEAR(solver.history().loss_history[i], losses[i], 2e-5 * losses[i]) << "iteration " << i + 1;
}

template <class T>
std::vector<T> trained(const json& c) {
  RandomState random(c.at("seed").get<std::uint32_t>());
  SolverData data = draw_data(c, random);
  const auto net = make<T>(c, random);
  Solver solver(*net, std::move(data), options_of(c), random);
  solver.train();
  const std::span<const T> flat = std::as_const(*net).params().flat();
  std::vector<T> values(flat.begin(), flat.end());
  for (const double loss : solver.history().loss_history) values.push_back(static_cast<T>(loss));
  return values;
}

TEST_P(Golden, SameBitsWithTwoThreads) {
  const json& c = cases()[GetParam()];
  set_num_threads(1);
  const auto one = trained<float>(c);
  set_num_threads(2);
  const auto two = trained<float>(c);
  set_num_threads(0);
  EXPECT_TRUE(one == two) << c.at("name");
}

std::string name_of_case(const testing::TestParamInfo<std::size_t>& param) {
  std::string name;
  for (const char letter : cases()[param.index].at("name").get<std::string>())
    if (std::isalnum(static_cast<unsigned char>(letter))) name += letter;
  return name;
}

INSTANTIATE_TEST_SUITE_P(Cases, Golden, testing::Range<std::size_t>(0, cases().size()), name_of_case);

// What the cases are: every kind of net, every update rule.
TEST(GoldenCases, CoverNetsAndRules) {
  std::string rules, names;
  for (const json& c : cases()) {
    rules += c.at("solver").at("update_rule").get<std::string>() + " ";
    names += c.at("name").get<std::string>() + "; ";
  }
  for (const char* rule : {"sgd ", "sgd_momentum ", "rmsprop ", "adam "})
    EXPECT_NE(rules.find(rule), std::string::npos);
  EXPECT_EQ(names,
            "fc; fc, batchnorm; fc, layernorm; fc, dropout; fc, dropout with a seed; convnet, stride 1; "
            "convnet, stride 2; convnet, no batch norm; ");
}

}  // namespace
}  // namespace lamina
