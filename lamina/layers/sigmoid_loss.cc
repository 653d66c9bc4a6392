#include "lamina/layers/sigmoid_loss.h"

#include "lamina/kernels/losses.h"
#include "lamina/layers/targets.h"

namespace lamina {

template <class T>
double sigmoid_loss(const TensorView<T>& x, const std::type_identity_t<TensorView<T>>& t, Tensor<T>* dx,
                    std::span<const double> weights) {
  for (Index i = 0; i < t.size(); ++i)
    if (!(t.data()[i] >= 0 && t.data()[i] <= 1)) fail("sigmoid_loss", "expected t of 0 to 1, got ", t.data()[i]);
  return detail::loss_of_numbers("sigmoid_loss", x, t, dx, weights, kernels::sigmoid_loss<T>);
}

template <class T>
std::pair<double, Tensor<T>> sigmoid_loss(const TensorView<T>& x, const std::type_identity_t<TensorView<T>>& t) {
  std::pair<double, Tensor<T>> result;
  result.first = sigmoid_loss(x, t, &result.second);
  return result;
}

#define LAMINA_BOTH(T)                                                                                           \
  template double sigmoid_loss(const TensorView<T>&, const TensorView<T>&, Tensor<T>*, std::span<const double>); \
  template std::pair<double, Tensor<T>> sigmoid_loss(const TensorView<T>&, const TensorView<T>&);
LAMINA_BOTH(float)
LAMINA_BOTH(double)
#undef LAMINA_BOTH

}  // namespace lamina
