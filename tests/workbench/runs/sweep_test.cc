// A training in a sweep is bit for bit the training alone; one that fails does not touch the others.
#include "workbench/runs/sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <set>
#include <stdexcept>

#include "lamina/data/synthetic.h"
#include "lamina/nets/net_config.h"
#include "lamina/solver/solver.h"
#include "lamina/threads.h"

namespace lamina {
namespace {

class Sweep : public ::testing::Test {
 protected:
  ~Sweep() override { set_num_threads(before_); }

  // Fully connected nets and ConvNets of both precisions, with dropout, batch normalization and all update rules.
  static std::vector<RunConfig> configs() {
    const UpdateRule rules[] = {UpdateRule::sgd, UpdateRule::sgd_momentum, UpdateRule::rmsprop, UpdateRule::adam};
    std::vector<RunConfig> made;
    for (std::uint32_t i = 0; i < 7; ++i) {
      RunConfig config;
      config.seed = 100 + i;
      config.solver.num_epochs = 2;
      config.num_train = 60;
      config.solver.batch_size = 20;
      config.solver.update_rule = rules[i % 4];
      config.solver.optim_config.learning_rate = 1e-3;
      config.dtype = i == 5 ? "float64" : "float32";
      if (i % 2 == 0) {
        config.net.model = "fc";
        config.net.fc.hidden_dims = {30, 20};
        config.net.fc.normalization = Normalization::batchnorm;
        config.net.fc.dropout = 0.8;
      } else {
        config.net.convnet.num_filters = {4, 6};
        config.net.convnet.filter_sizes = {5, 3};
        config.net.convnet.conv_strides = {2};
      }
      made.push_back(config);
    }
    return made;
  }

  // What Solver gives in this thread, with all threads at its disposal.
  template <class T>
  History trained_alone(const RunConfig& config) const {
    RandomState random(config.seed);
    const auto net = make_net<T>(config.net, random);
    SolverOptions options = config.solver;
    options.verbose = false;
    Solver<Net<T>> solver(*net, {data_.train.first(*config.num_train), data_.val}, options, random);
    solver.train();
    return solver.history();
  }

  static void expect_same(const History& got, const History& wanted) {
    EXPECT_EQ(got.loss_history, wanted.loss_history);
    EXPECT_EQ(got.train_acc_history, wanted.train_acc_history);
    EXPECT_EQ(got.val_acc_history, wanted.val_acc_history);
    EXPECT_EQ(got.best_val_acc, wanted.best_val_acc);
  }

  const Dataset data_ = synthetic_dataset(3, 1100, 10);
  int before_ = num_threads();
};

TEST_F(Sweep, EachTrainingIsTheOneAlone) {
  const std::vector<RunConfig> runs = configs();
  std::vector<History> wanted;
  set_num_threads(2);
  for (const RunConfig& config : runs)
    wanted.push_back(config.dtype == "float32" ? trained_alone<float>(config) : trained_alone<double>(config));
  for (int threads : {1, 2, 4}) {
    set_num_threads(threads);
    const auto results = run_sweep(runs, data_);
    ASSERT_EQ(results.size(), runs.size());
    for (std::size_t i = 0; i < runs.size(); ++i) {
      SCOPED_TRACE(i);
      EXPECT_TRUE(results[i].ok()) << results[i].error;
      ASSERT_EQ(results[i].history.loss_history.size(), 6U);
      expect_same(results[i].history, wanted[i]);
      EXPECT_GT(results[i].seconds, 0);
      EXPECT_GT(results[i].parameters, 100);
    }
  }
}

TEST_F(Sweep, TellsOfEachTrainingOnce) {
  set_num_threads(2);
  const std::vector<RunConfig> runs = configs();
  std::set<Index> seen;
  Index finished = 0;
  run_sweep(runs, data_, [&](const SweepEvent& event) {
    EXPECT_EQ(event.finished, ++finished);
    EXPECT_EQ(event.count, 7);
    EXPECT_EQ(event.result.history.loss_history.size(), 6U);
    seen.insert(event.run);
  });
  EXPECT_EQ(seen, (std::set<Index>{0, 1, 2, 3, 4, 5, 6}));
  EXPECT_THROW(run_sweep(runs, data_, [](const SweepEvent&) { throw std::runtime_error("enough"); }),
               std::runtime_error);
}

TEST_F(Sweep, AFailureIsReportedForItsTraining) {
  set_num_threads(2);
  std::vector<RunConfig> runs = configs();
  runs[1].net.model = "deep";
  runs[2].solver.optim_config.learning_rate = 1e30;  // the loss overflows in the second or third step
  runs[2].net.fc.normalization = Normalization::none;
  runs[2].solver.update_rule = UpdateRule::sgd;
  runs[4].solver.batch_size = 0;
  runs[6].dtype = "float8";
  const auto results = run_sweep(runs, data_);
  EXPECT_THAT(results[1].error, ::testing::HasSubstr("'deep'"));
  EXPECT_THAT(results[2].error, ::testing::HasSubstr("expected a finite loss, got"));
  EXPECT_GE(results[2].history.loss_history.size(), 1U);
  EXPECT_LT(results[2].history.loss_history.size(), 6U);
  EXPECT_THAT(results[4].error, ::testing::HasSubstr("expected batch_size of 1 or more, got 0"));
  EXPECT_EQ(results[6].error, "[run_sweep] expected dtype to be float32 or float64, got 'float8'");
  for (const std::size_t i : {1U, 2U, 4U, 6U}) EXPECT_FALSE(results[i].ok());
  for (const std::size_t i : {0U, 3U, 5U}) {
    EXPECT_TRUE(results[i].ok()) << results[i].error;
    EXPECT_EQ(results[i].history.loss_history.size(), 6U);
  }
  expect_same(results[0].history, trained_alone<float>(runs[0]));
}

TEST_F(Sweep, OfNothing) { EXPECT_TRUE(run_sweep({}, data_).empty()); }

}  // namespace
}  // namespace lamina
