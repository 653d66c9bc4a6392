// A steady training step allocates nothing: draw, gather, forward, backward, update.
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "lamina/nets/conv_net.h"
#include "lamina/nets/fully_connected_net.h"
#include "lamina/nets/three_layer_conv_net.h"
#include "lamina/nets/two_layer_net.h"
#include "lamina/solver/solver.h"
#include "lamina/threads.h"
#include "tests/solver/own_models.h"

namespace {

std::atomic<long> allocations = 0;

void* counted(std::size_t size, std::size_t alignment) {
  ++allocations;
  void* memory = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (!memory) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return counted(size, 16); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace lamina {
namespace {

// Trains 4 epochs of 5 iterations; no step after the first epoch may allocate. One thread: which worker takes a
// chunk first, and so makes its scratch memory, is a matter of chance.
template <class M>
void expect_no_allocations(M& model, SolverData data, UpdateRule rule, RandomState& random, const std::string& what,
                           SolverOptions options = {}) {
  set_num_threads(1);
  options.update_rule = rule;
  options.batch_size = 8;
  options.num_epochs = 4;
  options.num_train_samples = 30;
  options.verbose = false;
  Solver solver(model, std::move(data), options, random);
  long before = 0;
  int steady = 0;
  solver.on_iteration = [&](const IterationEvent& event) {
    const bool checked = event.iteration == 1 || event.iteration % 5 == 0;
    if (event.iteration > 5 && !checked) {
      EXPECT_EQ(allocations - before, 0) << what << ", iteration " << event.iteration;
      ++steady;
    }
    before = allocations;
  };
  solver.train();
  EXPECT_EQ(steady, 12);
  set_num_threads(0);
}

SolverData byte_images(RandomState& random) {
  const auto split = [&](Index n) {
    auto bytes = std::make_shared<Tensor<std::uint8_t>>(Shape{n, 3, 8, 8});
    for (std::uint8_t& value : *bytes) value = static_cast<std::uint8_t>(random.randint(256));
    std::vector<Label> y(static_cast<std::size_t>(n));
    for (Label& label : y) label = static_cast<Label>(random.randint(4));
    return Split{Examples(std::move(bytes), std::make_shared<Tensor<double>>(Shape{3, 8, 8}, 120.0)), std::move(y)};
  };
  return {split(40), split(20)};
}

template <class T>
void all_nets() {
  for (const UpdateRule rule : kUpdateRules) {
    const std::string what = std::string(name_of(rule)) + (sizeof(T) == 4 ? ", float" : ", double");
    RandomState random(1);
    for (const Normalization normalization :
         {Normalization::none, Normalization::batchnorm, Normalization::layernorm}) {
      FullyConnectedNetOptions options;
      options.hidden_dims = {20, 30};
      options.input_dim = 192;
      options.num_classes = 4;
      options.dropout = 0.8;
      options.normalization = normalization;
      options.reg = 0.1;
      FullyConnectedNet<T> net(options, random);
      expect_no_allocations(net, byte_images(random), rule, random, "fc, " + what);
    }
    for (const bool use_batch_norm : {false, true}) {
      ConvNetOptions options;
      options.input_dim = {3, 8, 8};
      options.num_filters = {5, 6};
      options.num_classes = 4;
      options.use_batch_norm = use_batch_norm;
      ConvNet<T> net(options, random);
      expect_no_allocations(net, byte_images(random), rule, random, "convnet, " + what);
    }
    TwoLayerNetOptions two;
    two.input_dim = 192;
    two.num_classes = 4;
    TwoLayerNet<T> two_layers(two, random);
    expect_no_allocations(two_layers, byte_images(random), rule, random, "two-layer, " + what);
    ThreeLayerConvNetOptions three;
    three.input_dim = {3, 8, 8};
    three.num_filters = 4;
    three.num_classes = 4;
    ThreeLayerConvNet<T> three_layers(three, random);
    expect_no_allocations(three_layers, byte_images(random), rule, random, "three-layer, " + what);
    NoisyLinear<T> own(192, 4, random);
    expect_no_allocations(own, byte_images(random), rule, random, "own model, " + what);
  }
}

// With all that makes models better; 40 images in batches of 8: an epoch's end is a permutation's.
template <class T>
void all_options(Precision precision) {
  RandomState random(1);
  ConvNetOptions net_options;
  net_options.input_dim = {3, 8, 8};
  net_options.num_filters = {16, 24};
  net_options.num_classes = 4;
  net_options.conv_strides = {1, 2};
  net_options.pools = {2, 1};
  net_options.global_average = true;
  net_options.precision = precision;
  ConvNet<T> net(net_options, random);
  net.label_smoothing = 0.1;
  SolverOptions options;
  options.schedule.kind = ScheduleKind::one_cycle;
  options.shuffle = true;
  options.augmentation = {true, 2};
  options.optim_config.nesterov = true;
  options.optim_config.weight_decay = 0.01;
  options.average_weights = 0.9;
  options.mirror_averaging = true;
  options.patience = 100;
  options.clip_norm = 0.1;
  expect_no_allocations(net, byte_images(random), UpdateRule::sgd_momentum, random, "all options", options);
}

TEST(Allocation, NoneInASteadyStepWithAllOptions) {
  all_options<float>(Precision::full);
  all_options<float>(Precision::bf16);
  all_options<double>(Precision::full);
}

TEST(Allocation, NoneInASteadyStepOfFloat) { all_nets<float>(); }
TEST(Allocation, NoneInASteadyStepOfDouble) { all_nets<double>(); }

// The count counts.
TEST(Allocation, IsCounted) {
  const long before = allocations;
  const Tensor<float> x(Shape{3});
  EXPECT_EQ(allocations - before, 1);
}

}  // namespace
}  // namespace lamina
