#include "lamina/layers/svm_loss.h"

#include "lamina/layers/labels.h"

namespace lamina {

template <class T>
double svm_loss(const TensorView<T>& x, std::span<const Label> y, Tensor<T>* dx) {
  detail::check_labels("svm_loss", x.shape(), y);
  const Index N = x.dim(0), C = x.dim(1);
  const T* scores = x.data();
  if (dx) dx->resize({N, C});
  double loss = 0;
  for (Index i = 0; i < N; ++i) {
    const T* row = scores + i * C;
    const Index label = y[static_cast<std::size_t>(i)];
    const T correct = row[label];
    T* g = dx ? dx->data() + i * C : nullptr;
    Index violations = 0;
    for (Index j = 0; j < C; ++j) {
      const T margin = row[j] - correct + 1;
      const bool counts = j != label && !(margin <= 0);  // NaN counts
      if (counts) {
        loss += static_cast<double>(margin);
        ++violations;
      }
      if (g) g[j] = static_cast<T>(counts) / static_cast<T>(N);
    }
    if (g) g[label] = -static_cast<T>(violations) / static_cast<T>(N);
  }
  return loss / static_cast<double>(N);
}

template <class T>
std::pair<double, Tensor<T>> svm_loss(const TensorView<T>& x, std::span<const Label> y) {
  std::pair<double, Tensor<T>> result;
  result.first = svm_loss(x, y, &result.second);
  return result;
}

#define LAMINA_BOTH(T)                                                                \
  template double svm_loss(const TensorView<T>&, std::span<const Label>, Tensor<T>*); \
  template std::pair<double, Tensor<T>> svm_loss(const TensorView<T>&, std::span<const Label>);
LAMINA_BOTH(float)
LAMINA_BOTH(double)
#undef LAMINA_BOTH

}  // namespace lamina
