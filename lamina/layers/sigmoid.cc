#include "lamina/layers/sigmoid.h"

#include "lamina/check.h"
#include "lamina/kernels/activation.h"

namespace lamina {

template <class T>
void sigmoid_forward(const TensorView<T>& x, Tensor<T>& out, SigmoidCache<T>& cache) {
  const T* from = x.data();
  out.resize(x.shape());
  kernels::sigmoid(out.size(), from, out.data());
  cache.out = out;
}

template <class T>
void sigmoid_backward(const TensorView<T>& dout, const SigmoidCache<T>& cache, Tensor<T>& dx) {
  check_shape("sigmoid_backward", "dout", dout.shape(), cache.out.shape(), "out");
  const T* from = dout.data();
  dx.resize(cache.out.shape());
  kernels::sigmoid_backward(dx.size(), from, cache.out.data(), dx.data());
}

template <class T>
std::pair<Tensor<T>, OwnedSigmoidCache<T>> sigmoid_forward(const TensorView<T>& x) {
  std::pair<Tensor<T>, OwnedSigmoidCache<T>> result;
  sigmoid_forward<T>(x, result.first, result.second);
  result.second.own(&SigmoidCache<T>::out);
  return result;
}

template <class T>
Tensor<T> sigmoid_backward(const TensorView<T>& dout, const SigmoidCache<T>& cache) {
  Tensor<T> dx;
  sigmoid_backward<T>(dout, cache, dx);
  return dx;
}

#define LAMINA_BOTH(T)                                                                       \
  template void sigmoid_forward(const TensorView<T>&, Tensor<T>&, SigmoidCache<T>&);         \
  template void sigmoid_backward(const TensorView<T>&, const SigmoidCache<T>&, Tensor<T>&);  \
  template std::pair<Tensor<T>, OwnedSigmoidCache<T>> sigmoid_forward(const TensorView<T>&); \
  template Tensor<T> sigmoid_backward(const TensorView<T>&, const SigmoidCache<T>&);
LAMINA_BOTH(float)
LAMINA_BOTH(double)
#undef LAMINA_BOTH

}  // namespace lamina
