#include "lamina/nets/blocks/elu.h"

#include "lamina/layers/elu.h"
#include "lamina/nets/blocks/elementwise.h"

namespace lamina {

void Elu::visit(BlockVisitor& v) { v.option("alpha", alpha, {}, 1); }

template <class T>
std::unique_ptr<Block<T>> Elu::make() const {
  return elementwise_block<T, EluCache<T>>(
      kName, [a = alpha](const auto& x, auto& out, auto& cache) { elu_forward(x, a, out, cache); },
      [](const auto& dout, const auto& cache, auto& dx) { elu_backward(dout, cache, dx); });
}
template std::unique_ptr<Block<float>> Elu::make() const;
template std::unique_ptr<Block<double>> Elu::make() const;

}  // namespace lamina
