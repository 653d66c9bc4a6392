#include "lamina/nets/blocks/silu.h"

#include "lamina/layers/silu.h"
#include "lamina/nets/blocks/elementwise.h"

namespace lamina {

template <class T>
std::unique_ptr<Block<T>> Silu::make() const {
  return elementwise_block<T, SiluCache<T>>(
      kName, [](const auto& x, auto& out, auto& cache) { silu_forward(x, out, cache); },
      [](const auto& dout, const auto& cache, auto& dx) { silu_backward(dout, cache, dx); });
}
template std::unique_ptr<Block<float>> Silu::make() const;
template std::unique_ptr<Block<double>> Silu::make() const;

}  // namespace lamina
