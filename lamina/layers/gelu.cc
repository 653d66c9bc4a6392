#include "lamina/layers/gelu.h"

#include "lamina/check.h"
#include "lamina/kernels/activation.h"

namespace lamina {

template <class T>
void gelu_forward(const TensorView<T>& x, GeluForm form, Tensor<T>& out, GeluCache<T>& cache) {
  out.resize(x.shape());
  if (form == GeluForm::tanh)
    kernels::gelu_tanh(out.size(), x.data(), out.data());
  else
    kernels::gelu(out.size(), x.data(), out.data());
  cache.x = x;
  cache.form = form;
}

template <class T>
void gelu_backward(const TensorView<T>& dout, const GeluCache<T>& cache, Tensor<T>& dx) {
  check_shape("gelu_backward", "dout", dout.shape(), cache.x.shape(), "x");
  const T* from = dout.data();
  dx.resize(cache.x.shape());
  if (cache.form == GeluForm::tanh)
    kernels::gelu_tanh_backward(dx.size(), from, cache.x.data(), dx.data());
  else
    kernels::gelu_backward(dx.size(), from, cache.x.data(), dx.data());
}

template <class T>
std::pair<Tensor<T>, OwnedGeluCache<T>> gelu_forward(const TensorView<T>& x, GeluForm form) {
  std::pair<Tensor<T>, OwnedGeluCache<T>> result;
  gelu_forward<T>(x, form, result.first, result.second);
  result.second.own(&GeluCache<T>::x);
  return result;
}

template <class T>
Tensor<T> gelu_backward(const TensorView<T>& dout, const GeluCache<T>& cache) {
  Tensor<T> dx;
  gelu_backward<T>(dout, cache, dx);
  return dx;
}

#define LAMINA_BOTH(T)                                                                           \
  template void gelu_forward(const TensorView<T>&, GeluForm, Tensor<T>&, GeluCache<T>&);         \
  template void gelu_backward(const TensorView<T>&, const GeluCache<T>&, Tensor<T>&);            \
  template std::pair<Tensor<T>, OwnedGeluCache<T>> gelu_forward(const TensorView<T>&, GeluForm); \
  template Tensor<T> gelu_backward(const TensorView<T>&, const GeluCache<T>&);
LAMINA_BOTH(float)
LAMINA_BOTH(double)
#undef LAMINA_BOTH

}  // namespace lamina
