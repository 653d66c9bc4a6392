// Trains a ConvNet on synthetic images, and prints its accuracy on the test images.
#include <iostream>

#include "lamina/data/synthetic.h"
#include "lamina/nets/conv_net.h"
#include "lamina/solver/solver.h"

using namespace lamina;

int main() {
  const Dataset images = synthetic_dataset(0, 3000, 500);

  RandomState random(231);
  ConvNetOptions net_options;
  net_options.num_filters = {8, 16};
  net_options.filter_sizes = {5, 3};
  net_options.conv_strides = {2};
  net_options.weight_scale = 1e-2;
  ConvNet<float> net(net_options, random);
  std::cout << net.summary().to_string(50) << '\n';

  SolverOptions options;
  options.update_rule = UpdateRule::sgd_momentum;
  options.optim_config.learning_rate = 1e-2;
  options.batch_size = 50;
  options.num_epochs = 3;
  options.num_val_samples = 500;
  Solver solver(net, {images.train, images.val}, options, random);
  solver.train();

  const double accuracy = solver.check_accuracy(images.test);
  std::cout << "test accuracy: " << accuracy << ", " << solver.images_per_second() << " images a second\n";
  return accuracy > 0.5 ? 0 : 1;
}
