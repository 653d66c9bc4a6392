#include "lamina/layers/silu.h"

#include "lamina/check.h"
#include "lamina/kernels/activation.h"

namespace lamina {

template <class T>
void silu_forward(const TensorView<T>& x, Tensor<T>& out, SiluCache<T>& cache) {
  out.resize(x.shape());
  kernels::silu(out.size(), x.data(), out.data());
  cache.x = x;
}

template <class T>
void silu_backward(const TensorView<T>& dout, const SiluCache<T>& cache, Tensor<T>& dx) {
  check_shape("silu_backward", "dout", dout.shape(), cache.x.shape(), "x");
  const T* from = dout.data();
  dx.resize(cache.x.shape());
  kernels::silu_backward(dx.size(), from, cache.x.data(), dx.data());
}

template <class T>
std::pair<Tensor<T>, OwnedSiluCache<T>> silu_forward(const TensorView<T>& x) {
  std::pair<Tensor<T>, OwnedSiluCache<T>> result;
  silu_forward<T>(x, result.first, result.second);
  result.second.own(&SiluCache<T>::x);
  return result;
}

template <class T>
Tensor<T> silu_backward(const TensorView<T>& dout, const SiluCache<T>& cache) {
  Tensor<T> dx;
  silu_backward<T>(dout, cache, dx);
  return dx;
}

#define LAMINA_BOTH(T)                                                                 \
  template void silu_forward(const TensorView<T>&, Tensor<T>&, SiluCache<T>&);         \
  template void silu_backward(const TensorView<T>&, const SiluCache<T>&, Tensor<T>&);  \
  template std::pair<Tensor<T>, OwnedSiluCache<T>> silu_forward(const TensorView<T>&); \
  template Tensor<T> silu_backward(const TensorView<T>&, const SiluCache<T>&);
LAMINA_BOTH(float)
LAMINA_BOTH(double)
#undef LAMINA_BOTH

}  // namespace lamina
