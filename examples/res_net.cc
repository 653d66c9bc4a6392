// A residual net (He, Zhang, Ren and Sun, 2016) made of blocks. The program trains it, saves it, loads it again, prints
// its test accuracy, and checks its gradients in double.
#include <iostream>

#include "lamina/data/synthetic.h"
#include "lamina/nets/blocks/blocks.h"
#include "lamina/nets/net_gradient_check.h"
#include "lamina/solver/model_file.h"
#include "lamina/solver/solver.h"

using namespace lamina;

int main() {
  const Dataset images = synthetic_dataset();
  RandomState random(231);
  const Residual block{{Conv{.filters = 16}, BatchNorm{}, Relu{}, Conv{.filters = 16}, BatchNorm{}}};
  Net<float> net(images.example_shape(),
                 {Conv{.filters = 16, .stride = 2}, BatchNorm{}, Relu{}, block, Relu{}, block, Relu{},
                  GlobalAveragePool{}, Affine{.outputs = 10}},
                 random);
  std::cout << net.summary().to_string(50) << '\n';

  SolverOptions training;
  training.update_rule = UpdateRule::adam;
  training.num_epochs = 1;
  Solver(net, {images.train, images.val}, training, random).train();
  save_model("res_net.safetensors", net, {config_of(net), images.class_names, *images.mean, {}});

  const auto loaded = load_net<float>("res_net.safetensors", random);
  const double accuracy = Solver(*loaded, {images.train, images.val}, training, random).check_accuracy(images.test);
  std::cout << "test accuracy: " << accuracy << '\n';
  Net<double> wide(*loaded);
  for (const auto& c :
       check_net_gradients(wide, random.randn({4, 3, 32, 32}), std::vector<Label>{3, 1, 4, 1}, random, 5))
    std::cout << c.name << (c.passed ? " has the numerical gradient\n" : " FAILED\n");
  return accuracy > 0.5 ? 0 : 1;
}
