// Slots: a mini-batch in parts, whose sums have the bits of one tree.
#include "lamina/solver/slots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lamina/nets/block_text.h"
#include "lamina/nets/blocks/blocks.h"
#include "lamina/solver/solver.h"
#include "lamina/threads.h"
#include "tests/message_of.h"
#include "tests/solver/own_models.h"

namespace lamina {
namespace {

using ::testing::HasSubstr;

constexpr Index kBatch = 60;

const Split& images() {
  static const Split made = [] {
    RandomState random(4);
    Split split{Examples(random.randn({200, 3, 6, 6}))};
    for (Index i = 0; i < 200; ++i) split.y.push_back(static_cast<Label>(random.randint(4)));
    return split;
  }();
  return made;
}

SolverOptions in_slots(Index slots) {
  SolverOptions options;
  options.batch_size = kBatch;
  options.slots = slots;
  options.num_epochs = 1;
  options.verbose = false;
  options.optim_config.learning_rate = 1e-2;
  return options;
}

// What one step's loss leaves behind.
template <class T>
struct Passed {
  double loss;
  Parameters<T> grads;
  std::vector<Tensor<T>> buffers;
  RandomState::State random;
};

template <class T>
Passed<T> passed(const std::string& net_text, const SolverOptions& options, const Split& split = images()) {
  RandomState random(9);
  Net<T> net({3, 6, 6}, parse_net(net_text), random, {.reg = 0.1});
  for (NamedTensor<T>& buffer : net.buffers()) buffer.value.fill(T(0.5));
  SolverState<T> state;
  TrainingStep<Net<T>> step(net, split, options, state);
  step.draw(random);
  Passed<T> found{step.loss(), net.grads(), {}, random.state()};
  detail::copy_out(net.buffers(), found.buffers);
  return found;
}

template <class T>
double distance(const Parameters<T>& a, const Parameters<T>& b) {
  double largest = 0, scale = 0;
  for (auto other = b.begin(); const auto& [name, value] : a) {
    for (Index i = 0; i < value.size(); ++i) {
      largest = std::max(largest, std::abs(double{value[i]} - double{other->value[i]}));
      scale = std::max(scale, std::abs(double{value[i]}));
    }
    ++other;
  }
  return largest / scale;
}

// Without a normalization by the batch, slots change nothing but the order of sums: the same draws, also where the
// stream is seeded anew, and regularization once.
TEST(Slots, TheMeanOverSlotsIsTheBatchs) {
  for (const char* net :
       {"conv 4 3x3 | relu | affine 5 | relu | affine 4",
        "affine 9 | relu | dropout 0.6 | affine 8 | dropout 0.5 | affine 4",
        "affine 9 | layernorm | relu | dropout 0.6 seed 3 | affine 8 | relu | dropout 0.5 seed 5 | affine 4",
        "residual ( conv 3 3x3 | dropout 0.5 ) | concat ( dropout 0.8 | conv 2 1x1 ) ( conv 3 1x1 ) | affine 4"}) {
    const Passed<double> whole = passed<double>(net, in_slots(1));
    for (const Index slots : {2, 3, 8, 60}) {
      SCOPED_TRACE(std::string(net) + " in " + std::to_string(slots));
      const Passed<double> parts = passed<double>(net, in_slots(slots));
      EXPECT_NEAR(parts.loss, whole.loss, 1e-12);
      EXPECT_LT(distance(parts.grads, whole.grads), 1e-13);
      EXPECT_EQ(parts.random, whole.random);
    }
  }
}

TEST(Slots, WeightsOfExamplesCountAcrossSlots) {
  Split split = images();
  RandomState random(6);
  Tensor<double> weights = random.rand({200});
  for (Index i = 0; i < 150; ++i) weights[random.randint(200)] = 0;  // of 60 slots, some have none that counts
  split.weights = std::make_shared<const Tensor<double>>(std::move(weights));
  for (const char* class_weights : {"", "1,2,0,3"}) {
    const auto options = [class_weights](Index slots) {
      SolverOptions given = in_slots(slots);
      given.class_weights = class_weights;
      return given;
    };
    const Passed<double> whole = passed<double>("affine 5 | relu | affine 4", options(1), split);
    for (const Index slots : {2, 8, 60}) {
      const Passed<double> parts = passed<double>("affine 5 | relu | affine 4", options(slots), split);
      EXPECT_NEAR(parts.loss, whole.loss, 1e-12);
      EXPECT_LT(distance(parts.grads, whole.grads), 1e-13);
    }
  }
}

// Each slot is normalized by its own statistics, and the running averages make one step, from the mean of these.
TEST(Slots, BatchNormalizationBySlot) {
  const char* text = "conv 4 3x3 | batchnorm | relu | affine 6 | batchnorm | relu | affine 4";
  constexpr Index kSlots = 8;
  const Passed<double> parts = passed<double>(text, in_slots(kSlots));

  RandomState random(9);
  Net<double> net({3, 6, 6}, parse_net(text), random, {.reg = 0.1});
  std::vector<Index> rows(kBatch);
  random.choice(images().size(), rows);
  Parameters<double> mean(net.params().layout());
  std::vector<Tensor<double>> buffers;
  double loss = 0;
  Tensor<double> X;
  for (Index s = 0; s < kSlots; ++s) {
    for (NamedTensor<double>& buffer : net.buffers()) buffer.value.fill(0.5);
    const Index first = s * kBatch / kSlots, last = (s + 1) * kBatch / kSlots;
    const std::span<const Index> own(rows.data() + first, static_cast<std::size_t>(last - first));
    images().X.gather(own, X);
    std::vector<Label> y;
    for (const Index row : own) y.push_back(images().y[static_cast<std::size_t>(row)]);
    const double share = static_cast<double>(last - first) / kBatch;
    loss += share * net.loss(X, y).loss;
    for (auto to = mean.begin(); const auto& entry : net.grads()) {
      for (Index i = 0; i < entry.value.size(); ++i) to->value[i] += share * entry.value[i];
      ++to;
    }
    const auto now = net.buffers();
    for (std::size_t i = 0; i < now.size(); ++i) {
      if (s == 0) buffers.emplace_back(now[i].value.shape());
      for (Index k = 0; k < now[i].value.size(); ++k) buffers[i][k] += share * now[i].value[k];
    }
  }
  EXPECT_NEAR(parts.loss, loss, 1e-12);
  EXPECT_LT(distance(parts.grads, mean), 1e-13);
  ASSERT_EQ(parts.buffers.size(), 4u);
  for (std::size_t i = 0; i < buffers.size(); ++i)
    for (Index k = 0; k < buffers[i].size(); ++k) EXPECT_NEAR(parts.buffers[i][k], buffers[i][k], 1e-14);
  EXPECT_GT(distance(parts.grads, passed<double>(text, in_slots(1)).grads), 1e-3)
      << "other statistics than the batch's";
}

// One parameter, whose gradient in each pass is the next of the given numbers.
class Given {
 public:
  using Scalar = float;
  explicit Given(std::vector<float> numbers)
      : numbers_(std::move(numbers)), params_({{"W", {1}}}), grads_({{"W", {1}}}) {}
  Parameters<float>& params() { return params_; }
  const Parameters<float>& params() const { return params_; }
  const Tensor<float>& loss(const TensorView<float>& X) {
    scores_.resize({X.dim(0), 1});
    return scores_;
  }
  LossAndGradients<float> loss(const TensorView<float>&, std::span<const Label>) {
    grads_["W"][0] = numbers_[at_++];
    return {0, grads_};
  }

 private:
  std::vector<float> numbers_;
  std::size_t at_ = 0;
  Parameters<float> params_, grads_;
  Tensor<float> scores_;
};

// In float 1 + e + e is 1 if added from the left, and not if added from the right.
TEST(Slots, TheTreeOfSums) {
  constexpr float e = 4e-8F;
  const Split split{Examples(Tensor<double>({8, 1}, 1.0)), std::vector<Label>(8)};
  const auto sum = [&](std::vector<float> slots) {
    for (float& g : slots) g *= static_cast<float>(slots.size());
    std::reverse(slots.begin(), slots.end());  // the last slot is the first to be computed
    Given model(slots);
    SolverOptions options = in_slots(static_cast<Index>(slots.size()));
    options.batch_size = options.slots;
    SolverState<float> state;
    TrainingStep<Given> step(model, split, options, state);
    RandomState random(1);
    step.draw(random);
    step.loss();
    OptimConfig config{.learning_rate = 1.0};
    step.update({&config, 1});
    return -model.params()["W"][0];
  };
  EXPECT_EQ(sum({1, e, e, 0}), 1 + e);           // (1 + e) + (e + 0)
  EXPECT_EQ(sum({1, 0, e, e}), 1 + (e + e));     // (1 + 0) + (e + e)
  EXPECT_EQ(sum({1, e, 0, e, 0}), 1 + (e + e));  // 1 + ((e + 0) + (e + 0))
  EXPECT_EQ(sum({1, e, e}), 1 + (e + e));        // 1 + (e + e)
  EXPECT_NE(1 + (e + e), 1 + e);
}

// After a step, layers() shows the outputs of the first slot, on whatever threads the others were computed.
TEST(Slots, LayersShowTheFirstSlot) {
  RandomState random(9);
  Net<float> net({3, 6, 6}, parse_net("affine 5 | relu | affine 4"), random);
  SolverState<float> state;
  const SolverOptions options = in_slots(4);
  TrainingStep<Net<float>> step(net, images(), options, state);
  std::vector<Index> rows(kBatch);
  RandomState same = random;
  same.choice(images().size(), rows);
  step.draw(random);
  step.loss();
  Tensor<float> shown(net.layers().back().output), X;
  images().X.gather(std::span<const Index>(rows).first(15), X);
  const Tensor<float>& scores = net.loss(X);
  ASSERT_EQ(shown.shape(), scores.shape());
  EXPECT_TRUE(std::equal(shown.begin(), shown.end(), scores.begin()));
}

template <class M>
std::vector<double> losses_of(M& model, const SolverOptions& options, RandomState& random, Index stop_at = -1,
                              SolverState<float>* state = nullptr) {
  Solver<M> solver(model, {images(), images().first(50)}, options, random);
  if (state && stop_at < 0) solver.set_state(*state);
  Index done = 0;
  solver.should_stop = [&] { return ++done == stop_at; };
  solver.train();
  if (state && stop_at > 0) *state = solver.state();
  return solver.history().loss_history;
}

TEST(Slots, ARunGoesOnFromItsState) {
  SolverOptions options = in_slots(7);
  options.num_epochs = 4;
  options.shuffle = true;
  options.average_weights = 0.9;
  options.augmentation = {.mirror = true, .max_shift = 1};
  options.clip_norm = 1.0;
  const auto net = [](RandomState& random) {
    return Net<float>({3, 6, 6}, parse_net("conv 4 3x3 | batchnorm | relu | dropout 0.5 | affine 4"), random,
                      {.reg = 0.01});
  };
  RandomState random(3), other(3), third(8);
  Net<float> whole = net(random), first = net(other), second = net(third);
  const std::vector<double> all = losses_of(whole, options, random);
  SolverState<float> state;
  losses_of(first, options, other, 5, &state);
  EXPECT_EQ(losses_of(second, options, third, -1, &state), all);
  for (auto at = second.params().begin(); const auto& entry : std::as_const(whole).params())
    EXPECT_TRUE(std::equal(entry.value.begin(), entry.value.end(), (at++)->value.begin())) << entry.name;
}

// With one thread slots are computed one by one; with two, every other one of the first steps side by side.
TEST(Slots, SideBySideHasTheSameBits) {
  for (const char* text :
       {"conv 4 3x3 | batchnorm | relu | affine 6 | batchnorm | relu | dropout 0.6 | affine 4",
        "residual ( conv 3 3x3 | dropout 0.5 seed 3 ) | concat ( dropout 0.8 | conv 2 1x1 ) ( conv 3 1x1 ) | affine 4"})
    for (const Index slots : {2, 3, 5, 8}) {
      SCOPED_TRACE(std::string(text) + " in " + std::to_string(slots));
      SolverOptions options = in_slots(slots);
      options.num_epochs = 6;
      options.average_weights = 0.9;
      options.update_rule = UpdateRule::adam;
      std::vector<double> losses[2];
      std::vector<Tensor<float>> buffers[2];
      std::vector<Parameters<float>> params;
      for (const int threads : {1, 2}) {
        set_num_threads(threads);
        RandomState random(3);
        Net<float> net({3, 6, 6}, parse_net(text), random, {.reg = 0.01});
        losses[threads - 1] = losses_of(net, options, random);
        detail::copy_out(net.buffers(), buffers[threads - 1]);
        params.push_back(net.params());
      }
      set_num_threads(0);
      EXPECT_GE(losses[0].size(), 12u);
      EXPECT_EQ(losses[0], losses[1]);
      for (auto other = params[1].begin(); const auto& entry : params[0])
        EXPECT_TRUE(std::equal(entry.value.begin(), entry.value.end(), (other++)->value.begin())) << entry.name;
      for (std::size_t i = 0; i < buffers[0].size(); ++i)
        EXPECT_TRUE(std::equal(buffers[0][i].begin(), buffers[0][i].end(), buffers[1][i].begin()));
    }
}

// A net that is assigned another one gets other twins.
TEST(Slots, TwinsAreOfTheNetAsItIs) {
  std::vector<double> losses[2];
  for (const int threads : {1, 2}) {
    set_num_threads(threads);
    RandomState random(3), other_random(4);
    Net<float> net({3, 6, 6}, parse_net("affine 8 | relu | affine 4"), random);
    const Net<float> other({3, 6, 6}, parse_net("affine 8 | tanh | affine 4"), other_random);
    SolverOptions options = in_slots(4);
    options.num_epochs = 8;
    Solver solver(net, {images(), images().first(50)}, options, random);
    solver.on_iteration = [&](const IterationEvent& event) {
      if (event.iteration % 3 == 0) net = event.iteration == 6 ? Net<float>(other) : Net<float>(net);
    };
    solver.train();
    losses[threads - 1] = solver.history().loss_history;
  }
  set_num_threads(0);
  EXPECT_EQ(losses[0], losses[1]);
}

// A net of one's own that adds to the loss.
struct Shifted : Net<float> {
  using Net<float>::Net;
  const Tensor<float>& loss(const TensorView<float>& X) { return Net<float>::loss(X); }
  LossAndGradients<float> loss(const TensorView<float>& X, std::span<const Label> y) {
    const LossAndGradients<float> plain = Net<float>::loss(X, y);
    return {plain.loss + 1000, plain.grads};
  }
};

TEST(Slots, ALossOfOnesOwnIsCalled) {
  RandomState random(3);
  Shifted net({3, 6, 6}, parse_net("affine 8 | relu | affine 4"), random);
  EXPECT_GT(losses_of(net, in_slots(4), random).front(), 1000);
}

TEST(Slots, AnErrorInASlotReachesTheCaller) {
  set_num_threads(2);
  Split wrong = images();
  wrong.y.assign(wrong.y.size(), 9);
  RandomState random(3);
  Net<float> net({3, 6, 6}, {Affine{.outputs = 4}}, random);
  SolverState<float> state;
  const SolverOptions options = in_slots(4);
  TrainingStep<Net<float>> step(net, wrong, options, state);
  step.draw(random);
  for (int side_by_side = 0; side_by_side < 2; ++side_by_side)
    EXPECT_THAT(message_of([&] { step.loss(); }), HasSubstr("expected labels y of 0 to 3, got 9"));
  set_num_threads(0);
}

TEST(Slots, AnyModelCanBeComputedInSlots) {
  Split flat{Examples(Tensor<double>({200, 108})), images().y};
  RandomState random(2);
  flat.X = Examples(random.randn({200, 108}));
  NoisyLinear<float> model(108, 4, random);
  SolverOptions options = in_slots(3);
  options.num_epochs = 5;
  Solver solver(model, {flat, flat.first(100)}, options, random);
  EXPECT_TRUE(solver.train());
  EXPECT_LT(solver.history().loss_history.back(), solver.history().loss_history.front());
}

TEST(Slots, NoMoreThanExamples) {
  RandomState random(1);
  Net<float> net({3, 6, 6}, {Affine{.outputs = 4}}, random);
  EXPECT_EQ(message_of([&] {
              Solver(net, {images(), images()}, in_slots(61), random);
            }),
            "[Solver] expected slots of 1 to 60, the batch_size, got 61");
  EXPECT_THAT(message_of([&] { Solver(net, {images(), images()}, in_slots(0), random); }), HasSubstr("slots"));
}

TEST(Random, SkippedDrawsAreThoseOfRand) {
  for (const Index n : {0, 1, 311, 312, 313, 5000}) {
    RandomState skipped(5), drawn(5);
    drawn.next_uint32();
    skipped.next_uint32();
    skipped.skip(n);
    for (Index i = 0; i < n; ++i) drawn.rand();
    EXPECT_EQ(skipped.rand(), drawn.rand()) << n;
  }
}

}  // namespace
}  // namespace lamina
