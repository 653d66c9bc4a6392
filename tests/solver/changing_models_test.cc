// Models of a user's own that change while Solver trains them: one error names the change, and nothing is read or
// written out of bounds (which the address sanitizer sees).
#include <gtest/gtest.h>

#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "lamina/solver/solver.h"
#include "tests/solver/own_models.h"

namespace lamina {
namespace {

using Layout = Parameters<double>::Layout;

/// Its training pass first calls `change(pass)`, counted from 1. The parameters have gradient 1.
struct Changing {
  using Scalar = double;
  Parameters<double> params_{{{"W", {2}}, {"b", {1}}}}, grads_{{{"W", {2}}, {"b", {1}}}};
  std::vector<std::pair<std::string, Tensor<double>>> kept;
  std::function<void(int)> change;
  std::function<void()> in_check = [] {};
  int pass = 0;
  Tensor<double> scores;

  Parameters<double>& params() { return params_; }
  const Parameters<double>& params() const { return params_; }
  std::vector<NamedTensor<double>> buffers() {
    std::vector<NamedTensor<double>> found;
    for (auto& [name, value] : kept) found.push_back({name, value});
    return found;
  }
  TensorView<double>& loss(const TensorView<double>& X) {
    in_check();
    scores = Tensor<double>({X.dim(0), 2});
    for (Index i = 0; i < X.dim(0); ++i) scores(i, pass % 2) = 1;  // better in every other pass
    return scores;
  }
  LossAndGradients<double> loss(const TensorView<double>&, std::span<const Label>) {
    ++pass;
    if (change) change(pass);
    for (auto& entry : grads_) entry.value.fill(1);
    return {1.0, grads_};
  }
  void become(const Layout& layout) { params_ = grads_ = Parameters<double>(layout); }
};

SolverOptions quiet_options(double average_weights) {
  SolverOptions options;
  options.batch_size = 2;
  options.num_epochs = 3;
  options.verbose = false;
  options.average_weights = average_weights;
  return options;
}

/// What training says, once without averages and once with.
class ChangingModels : public testing::TestWithParam<double> {
 protected:
  std::string message(std::function<void(Changing&, int)> change) {
    RandomState random(0);
    Changing model;
    model.kept = {{"mean", Tensor<double>(Shape{3})}};
    model.change = [&](int pass) { change(model, pass); };
    Solver solver(model, {labelled_split(6, 1), labelled_split(5, 1)}, quiet_options(GetParam()), random);
    try {
      solver.train();
    } catch (const std::invalid_argument& error) {
      EXPECT_EQ(solver.history().loss_history.size(), static_cast<std::size_t>(solver.state().iteration));
      return error.what();
    }
    return "";
  }
};

TEST_P(ChangingModels, ParametersAreNamed) {
  for (const int at : {1, 2, 4, 9}) {
    SCOPED_TRACE(at);
    const auto became = [&](const Layout& layout) {
      return message([=](Changing& model, int pass) {
        if (pass == at) model.become(layout);
      });
    };
    EXPECT_EQ(became({{"W", {2}}, {"b", {1}}}), "");
    EXPECT_EQ(became({{"W", {2}}, {"b", {1}}, {"c", {4}}}),
              "[Solver] expected the parameters that the model had at the start, got a new one, c");
    EXPECT_EQ(became({{"W", {2}}}), "[Solver] expected the parameters that the model had at the start, but b is gone");
    EXPECT_EQ(became({}), "[Solver] expected the parameters that the model had at the start, but W is gone");
    EXPECT_EQ(became({{"W", {2}}, {"beta", {1}}}),
              "[Solver] expected the parameters that the model had at the start, got another instead of b: beta");
    EXPECT_EQ(became({{"W", {1}}, {"b", {1}}}),
              "[Solver] expected parameter W of shape (2,), as at the start, got (1,)");
    EXPECT_EQ(became({{"W", {2}}, {"b", {100000}}}),
              "[Solver] expected parameter b of shape (1,), as at the start, got (100000,)");
  }
}

TEST_P(ChangingModels, BuffersMayMoveButNotChangeTheirSize) {
  const auto became = [&](int at, std::vector<Shape> shapes) {
    return message([=](Changing& model, int pass) {
      if (pass < at) return;
      model.kept.clear();
      for (const Shape& shape : shapes) model.kept.emplace_back("mean", Tensor<double>(shape));
    });
  };
  EXPECT_EQ(became(1, {{100}}), "");  // before anything was kept
  EXPECT_EQ(became(1, {}), "");
  EXPECT_EQ(became(2, {{3}}), "");
  // The best of these models is that of an even pass or, with averages, one that a pass after it finds changed.
  EXPECT_EQ(became(9, {{2}}), "[Solver] expected buffer mean of shape (3,), as the model had, got (2,)");
  EXPECT_EQ(became(9, {{100000}}), "[Solver] expected buffer mean of shape (3,), as the model had, got (100000,)");
  EXPECT_EQ(became(9, {}), "[Solver] expected 1 buffers, as the model had, got 0");
  EXPECT_EQ(became(9, {{3}, {3}}), "[Solver] expected 1 buffers, as the model had, got 2: mean, mean");
}

INSTANTIATE_TEST_SUITE_P(WithAndWithoutAverages, ChangingModels, testing::Values(0.0, 0.9));

TEST(ChangingModels, ParametersThatChangeBetweenTwoCalls) {
  RandomState random(0);
  Changing model;
  Solver solver(model, {labelled_split(6, 1), labelled_split(5, 1)}, quiet_options(0), random);
  solver.train();
  model.become({{"W", {2}}, {"b", {2}}});
  EXPECT_THROW(solver.train(), std::invalid_argument);
}

// The averages leave the model again even where its buffers can no longer be exchanged.
TEST(ChangingModels, BuffersThatChangeInACheckLeaveTheParameters) {
  RandomState random(0);
  Changing model;
  model.kept = {{"mean", Tensor<double>(Shape{3})}};
  Solver solver(model, {labelled_split(6, 1), labelled_split(5, 1)}, quiet_options(0.9), random);
  double before = 0;
  solver.after_update = [&](const StepEvent&) { before = model.params_["b"][0]; };
  model.in_check = [&] {
    if (model.pass < 3) return;
    EXPECT_NE(model.params_["b"][0], before);
    model.kept.clear();
  };
  EXPECT_THROW(solver.train(), std::invalid_argument);
  EXPECT_EQ(model.pass, 3);
  EXPECT_EQ(model.params_["b"][0], before);
}

TEST(ChangingModels, AHookThatThrowsInsideAStepLeavesWholeIterations) {
  RandomState random(0), plain_random(0);
  Changing model, plain;
  const SolverData data{labelled_split(6, 1), labelled_split(5, 1)};
  SolverOptions options = quiet_options(0);
  options.lr_decay = 0.5;
  Solver solver(model, data, options, random), whole(plain, data, options, plain_random);
  whole.train();
  int stops = 0;
  solver.after_update = [&](const StepEvent& event) {
    if (event.iteration == 3 && stops++ == 0) throw std::runtime_error("stop");
  };
  EXPECT_THROW(solver.train(), std::runtime_error);
  EXPECT_EQ(solver.history().loss_history.size(), 3u);
  EXPECT_EQ(solver.state().iteration, 3);
  EXPECT_EQ(solver.epoch(), 1);
  EXPECT_TRUE(solver.train());
  EXPECT_EQ(solver.history().loss_history.size(), 9u);
  EXPECT_EQ(solver.learning_rate(), whole.learning_rate());
}

TEST(ChangingModels, OptionsThatAHookSetsAreChecked) {
  const auto message = [](std::function<void(SolverOptions&)> set) {
    RandomState random(0);
    Changing model;
    Solver solver(model, {labelled_split(6, 1), labelled_split(5, 1)}, quiet_options(0), random);
    solver.on_iteration = [&](const IterationEvent& event) {
      if (event.iteration == 2) set(solver.options());
    };
    try {
      solver.train();
    } catch (const std::invalid_argument& error) {
      EXPECT_EQ(solver.state().iteration, 2);
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(message([](SolverOptions&) {}), "");
  EXPECT_EQ(message([](SolverOptions& o) { o.batch_size = 0; }), "[Solver] expected batch_size of 1 or more, got 0");
  EXPECT_EQ(message([](SolverOptions& o) { o.print_every = 0; }), "[Solver] expected print_every of 1 or more, got 0");
  EXPECT_EQ(message([](SolverOptions& o) { o.augmentation.mirror = true; }),
            "[Solver] expected images (C, H, W) for mirror, shift, cutout, brightness, contrast and mirror_averaging, "
            "got examples of shape (1,)");
}

}  // namespace
}  // namespace lamina
