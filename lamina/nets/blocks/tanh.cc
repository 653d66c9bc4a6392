#include "lamina/nets/blocks/tanh.h"

#include "lamina/layers/tanh.h"
#include "lamina/nets/blocks/elementwise.h"

namespace lamina {

template <class T>
std::unique_ptr<Block<T>> Tanh::make() const {
  return elementwise_block<T, TanhCache<T>>(
      kName, [](const auto& x, auto& out, auto& cache) { tanh_forward(x, out, cache); },
      [](const auto& dout, const auto& cache, auto& dx) { tanh_backward(dout, cache, dx); });
}
template std::unique_ptr<Block<float>> Tanh::make() const;
template std::unique_ptr<Block<double>> Tanh::make() const;

}  // namespace lamina
