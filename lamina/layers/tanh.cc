#include "lamina/layers/tanh.h"

#include "lamina/check.h"
#include "lamina/kernels/activation.h"

namespace lamina {

template <class T>
void tanh_forward(const TensorView<T>& x, Tensor<T>& out, TanhCache<T>& cache) {
  const T* from = x.data();
  out.resize(x.shape());
  kernels::tanh(out.size(), from, out.data());
  cache.out = out;
}

template <class T>
void tanh_backward(const TensorView<T>& dout, const TanhCache<T>& cache, Tensor<T>& dx) {
  check_shape("tanh_backward", "dout", dout.shape(), cache.out.shape(), "out");
  const T* from = dout.data();
  dx.resize(cache.out.shape());
  kernels::tanh_backward(dx.size(), from, cache.out.data(), dx.data());
}

template <class T>
std::pair<Tensor<T>, OwnedTanhCache<T>> tanh_forward(const TensorView<T>& x) {
  std::pair<Tensor<T>, OwnedTanhCache<T>> result;
  tanh_forward<T>(x, result.first, result.second);
  result.second.own(&TanhCache<T>::out);
  return result;
}

template <class T>
Tensor<T> tanh_backward(const TensorView<T>& dout, const TanhCache<T>& cache) {
  Tensor<T> dx;
  tanh_backward<T>(dout, cache, dx);
  return dx;
}

#define LAMINA_BOTH(T)                                                                 \
  template void tanh_forward(const TensorView<T>&, Tensor<T>&, TanhCache<T>&);         \
  template void tanh_backward(const TensorView<T>&, const TanhCache<T>&, Tensor<T>&);  \
  template std::pair<Tensor<T>, OwnedTanhCache<T>> tanh_forward(const TensorView<T>&); \
  template Tensor<T> tanh_backward(const TensorView<T>&, const TanhCache<T>&);
LAMINA_BOTH(float)
LAMINA_BOTH(double)
#undef LAMINA_BOTH

}  // namespace lamina
