#include "lamina/nets/blocks/sigmoid.h"

#include "lamina/layers/sigmoid.h"
#include "lamina/nets/blocks/elementwise.h"

namespace lamina {

template <class T>
std::unique_ptr<Block<T>> Sigmoid::make() const {
  return elementwise_block<T, SigmoidCache<T>>(
      kName, [](const auto& x, auto& out, auto& cache) { sigmoid_forward(x, out, cache); },
      [](const auto& dout, const auto& cache, auto& dx) { sigmoid_backward(dout, cache, dx); });
}
template std::unique_ptr<Block<float>> Sigmoid::make() const;
template std::unique_ptr<Block<double>> Sigmoid::make() const;

}  // namespace lamina
