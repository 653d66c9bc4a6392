#include "lamina/layers/squared_loss.h"

#include "lamina/kernels/losses.h"
#include "lamina/layers/targets.h"

namespace lamina {

template <class T>
double squared_loss(const TensorView<T>& x, const std::type_identity_t<TensorView<T>>& t, Tensor<T>* dx,
                    std::span<const double> weights) {
  return detail::loss_of_numbers("squared_loss", x, t, dx, weights, kernels::squared_loss<T>);
}

template <class T>
std::pair<double, Tensor<T>> squared_loss(const TensorView<T>& x, const std::type_identity_t<TensorView<T>>& t) {
  std::pair<double, Tensor<T>> result;
  result.first = squared_loss(x, t, &result.second);
  return result;
}

#define LAMINA_BOTH(T)                                                                                           \
  template double squared_loss(const TensorView<T>&, const TensorView<T>&, Tensor<T>*, std::span<const double>); \
  template std::pair<double, Tensor<T>> squared_loss(const TensorView<T>&, const TensorView<T>&);
LAMINA_BOTH(float)
LAMINA_BOTH(double)
#undef LAMINA_BOTH

}  // namespace lamina
