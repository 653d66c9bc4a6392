#include "lamina/nets/blocks/gelu.h"

#include "lamina/layers/gelu.h"
#include "lamina/nets/blocks/elementwise.h"

namespace lamina {

void Gelu::visit(BlockVisitor& v) { v.flag("tanh", tanh); }

template <class T>
std::unique_ptr<Block<T>> Gelu::make() const {
  return elementwise_block<T, GeluCache<T>>(
      kName,
      [form = tanh ? GeluForm::tanh : GeluForm::exact](const auto& x, auto& out, auto& cache) {
        gelu_forward(x, form, out, cache);
      },
      [](const auto& dout, const auto& cache, auto& dx) { gelu_backward(dout, cache, dx); });
}
template std::unique_ptr<Block<float>> Gelu::make() const;
template std::unique_ptr<Block<double>> Gelu::make() const;

}  // namespace lamina
