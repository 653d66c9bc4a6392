#include "lamina/nets/blocks/leaky_relu.h"

#include "lamina/layers/leaky_relu.h"
#include "lamina/nets/blocks/elementwise.h"

namespace lamina {

void LeakyRelu::visit(BlockVisitor& v) { v.number("slope", slope, {}, 0.01); }

template <class T>
std::unique_ptr<Block<T>> LeakyRelu::make() const {
  return elementwise_block<T, LeakyReluCache<T>>(
      "leaky relu", [s = slope](const auto& x, auto& out, auto& cache) { leaky_relu_forward(x, s, out, cache); },
      [](const auto& dout, const auto& cache, auto& dx) { leaky_relu_backward(dout, cache, dx); });
}
template std::unique_ptr<Block<float>> LeakyRelu::make() const;
template std::unique_ptr<Block<double>> LeakyRelu::make() const;

}  // namespace lamina
