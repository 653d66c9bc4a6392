#include "lamina/layers/svm_loss.h"

#include "lamina/layers/targets.h"

namespace lamina {

template <class T>
double svm_loss(const TensorView<T>& x, std::span<const Label> y, Tensor<T>* dx, std::span<const double> weights) {
  detail::check_labels("svm_loss", x.shape(), y);
  const Index N = x.dim(0), C = x.dim(1);
  const T* scores = x.data();
  const kernels::RowWeights rows = detail::check_weights("svm_loss", N, weights);
  if (dx) dx->resize({N, C});
  double loss = 0;
  for (Index i = 0; i < N; ++i) {
    const T* row = scores + i * C;
    const Index label = y[static_cast<std::size_t>(i)];
    const T correct = row[label];
    T* g = dx ? dx->data() + i * C : nullptr;
    const T divisor = static_cast<T>(rows.divisor(i));
    Index violations = 0;
    for (Index j = 0; j < C; ++j) {
      const T margin = row[j] - correct + 1;
      const bool counts = j != label && !(margin <= 0);  // NaN counts
      if (counts) {
        loss += rows.of(i) * static_cast<double>(margin);
        ++violations;
      }
      if (g) g[j] = static_cast<T>(counts) / divisor;
    }
    if (g) g[label] = -static_cast<T>(violations) / divisor;
  }
  return loss / rows.total;
}

template <class T>
std::pair<double, Tensor<T>> svm_loss(const TensorView<T>& x, std::span<const Label> y) {
  std::pair<double, Tensor<T>> result;
  result.first = svm_loss(x, y, &result.second);
  return result;
}

#define LAMINA_BOTH(T)                                                                                         \
  template double svm_loss(const TensorView<T>&, std::span<const Label>, Tensor<T>*, std::span<const double>); \
  template std::pair<double, Tensor<T>> svm_loss(const TensorView<T>&, std::span<const Label>);
LAMINA_BOTH(float)
LAMINA_BOTH(double)
#undef LAMINA_BOTH

}  // namespace lamina
