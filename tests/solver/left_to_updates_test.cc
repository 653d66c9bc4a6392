// A Solver to whose updates a net leaves work trains as one whose hooks see whole gradients, to the bit.
#include "lamina/nets/fully_connected_net.h"
#include "lamina/solver/solver.h"
#include "tests/layers/layer_testing.h"

namespace lamina {
namespace {

// All parameters and losses.
std::vector<double> trained(UpdateRule rule, Normalization normalization, bool with_hook) {
  RandomState random(1);
  const auto split = [&](Index n) {
    std::vector<Label> y(static_cast<std::size_t>(n));
    for (Label& label : y) label = static_cast<Label>(random.randint(10));
    return Split{Examples(std::make_shared<Tensor<double>>(testing::random_tensor<double>(Shape{n, 1024}, random))),
                 std::move(y)};
  };
  const Split train = split(200);
  const SolverData data{train, split(20)};
  FullyConnectedNetOptions options;
  options.hidden_dims = {100, 40};
  options.input_dim = 1024;
  options.normalization = normalization;
  options.reg = 0.1;
  FullyConnectedNet<float> net(options, random);
  SolverOptions how;
  how.update_rule = rule;
  how.optim_config.learning_rate = 1e-2;
  how.optim_config.weight_decay = 0.1;
  how.batch_size = 100;
  how.num_epochs = 3;
  how.verbose = false;
  Solver solver(net, data, how, random);
  if (with_hook) solver.after_update = [](const StepEvent&) {};
  solver.train();
  std::vector<double> all(net.params().flat().begin(), net.params().flat().end());
  const auto& losses = solver.history().loss_history;
  all.insert(all.end(), losses.begin(), losses.end());
  return all;
}

TEST(LeftToUpdates, TrainsToTheSameBits) {
  for (const UpdateRule rule : {UpdateRule::sgd, UpdateRule::sgd_momentum, UpdateRule::adam})
    for (const Normalization normalization : {Normalization::none, Normalization::batchnorm}) {
      const std::vector<double> expected = trained(rule, normalization, true);
      EXPECT_EQ(trained(rule, normalization, false), expected) << name_of(rule);
    }
}

}  // namespace
}  // namespace lamina
