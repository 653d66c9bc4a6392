#include "lamina/layers/elu.h"

#include "lamina/check.h"
#include "lamina/kernels/activation.h"

namespace lamina {

template <class T>
void elu_forward(const TensorView<T>& x, double alpha, Tensor<T>& out, EluCache<T>& cache) {
  if (!(alpha >= 0)) fail("elu_forward", "expected an alpha of at least 0, got ", alpha);
  const T* from = x.data();
  out.resize(x.shape());
  kernels::elu(out.size(), static_cast<T>(alpha), from, out.data());
  cache.out = out;
  cache.alpha = alpha;
}

template <class T>
void elu_backward(const TensorView<T>& dout, const EluCache<T>& cache, Tensor<T>& dx) {
  check_shape("elu_backward", "dout", dout.shape(), cache.out.shape(), "out");
  const T* from = dout.data();
  dx.resize(cache.out.shape());
  kernels::elu_backward(dx.size(), static_cast<T>(cache.alpha), from, cache.out.data(), dx.data());
}

template <class T>
std::pair<Tensor<T>, OwnedEluCache<T>> elu_forward(const TensorView<T>& x, double alpha) {
  std::pair<Tensor<T>, OwnedEluCache<T>> result;
  elu_forward<T>(x, alpha, result.first, result.second);
  result.second.own(&EluCache<T>::out);
  return result;
}

template <class T>
Tensor<T> elu_backward(const TensorView<T>& dout, const EluCache<T>& cache) {
  Tensor<T> dx;
  elu_backward<T>(dout, cache, dx);
  return dx;
}

#define LAMINA_BOTH(T)                                                                       \
  template void elu_forward(const TensorView<T>&, double, Tensor<T>&, EluCache<T>&);         \
  template void elu_backward(const TensorView<T>&, const EluCache<T>&, Tensor<T>&);          \
  template std::pair<Tensor<T>, OwnedEluCache<T>> elu_forward(const TensorView<T>&, double); \
  template Tensor<T> elu_backward(const TensorView<T>&, const EluCache<T>&);
LAMINA_BOTH(float)
LAMINA_BOTH(double)
#undef LAMINA_BOTH

}  // namespace lamina
