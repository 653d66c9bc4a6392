#include "lamina/layers/huber_loss.h"

#include "lamina/kernels/losses.h"
#include "lamina/layers/targets.h"

namespace lamina {

template <class T>
double huber_loss(const TensorView<T>& x, const std::type_identity_t<TensorView<T>>& t, Tensor<T>* dx, double delta,
                  std::span<const double> weights) {
  if (!(delta > 0)) fail("huber_loss", "expected delta above 0, got ", delta);
  return detail::loss_of_numbers("huber_loss", x, t, dx, weights,
                                 [delta](auto... a) { return kernels::huber_loss<T>(a..., delta); });
}

template <class T>
std::pair<double, Tensor<T>> huber_loss(const TensorView<T>& x, const std::type_identity_t<TensorView<T>>& t) {
  std::pair<double, Tensor<T>> result;
  result.first = huber_loss(x, t, &result.second);
  return result;
}

#define LAMINA_BOTH(T)                                                                                                 \
  template double huber_loss(const TensorView<T>&, const TensorView<T>&, Tensor<T>*, double, std::span<const double>); \
  template std::pair<double, Tensor<T>> huber_loss(const TensorView<T>&, const TensorView<T>&);
LAMINA_BOTH(float)
LAMINA_BOTH(double)
#undef LAMINA_BOTH

}  // namespace lamina
