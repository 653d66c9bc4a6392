#include "lamina/layers/softmax_loss.h"

#include "lamina/kernels/softmax.h"
#include "lamina/layers/targets.h"

namespace lamina {

template <class T>
double softmax_loss(const TensorView<T>& x, std::span<const Label> y, Tensor<T>* dx, double label_smoothing,
                    std::span<const double> weights) {
  if (!(label_smoothing >= 0 && label_smoothing < 1))
    fail("softmax_loss", "expected label_smoothing of 0 to below 1, got ", label_smoothing);
  detail::check_labels("softmax_loss", x.shape(), y);
  const T* scores = x.data();
  const Index N = x.dim(0), C = x.dim(1);
  const kernels::RowWeights rows = detail::check_weights("softmax_loss", N, weights);
  if (dx) dx->resize({N, C});
  return kernels::softmax_loss(N, C, scores, y.data(), dx ? dx->data() : nullptr, label_smoothing, rows) / rows.total;
}

template <class T>
std::pair<double, Tensor<T>> softmax_loss(const TensorView<T>& x, std::span<const Label> y) {
  std::pair<double, Tensor<T>> result;
  result.first = softmax_loss(x, y, &result.second);
  return result;
}

template <class T>
void softmax(const TensorView<T>& x, Tensor<T>& out) {
  if (x.rank() != 2) fail("softmax", "expected x of shape (N, C), got ", x.shape());
  const T* scores = x.data();
  out.resize(x.shape());
  kernels::softmax(out.dim(0), out.dim(1), scores, out.data());
}

#define LAMINA_BOTH(T)                                                                              \
  template double softmax_loss(const TensorView<T>&, std::span<const Label>, Tensor<T>*, double,    \
                               std::span<const double>);                                            \
  template std::pair<double, Tensor<T>> softmax_loss(const TensorView<T>&, std::span<const Label>); \
  template void softmax(const TensorView<T>&, Tensor<T>&);
LAMINA_BOTH(float)
LAMINA_BOTH(double)
#undef LAMINA_BOTH

}  // namespace lamina
