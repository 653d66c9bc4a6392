#include "lamina/layers/relu.h"

#include "lamina/check.h"
#include "lamina/kernels/elementwise.h"

namespace lamina {

template <class T>
void relu_forward(const TensorView<T>& x, Tensor<T>& out, ReluCache<T>& cache) {
  const T* from = x.data();
  out.resize(x.shape());
  kernels::relu(out.size(), from, out.data());
  cache.out = out;
}

template <class T>
void relu_backward(const TensorView<T>& dout, const ReluCache<T>& cache, Tensor<T>& dx) {
  check_shape("relu_backward", "dout", dout.shape(), cache.out.shape(), "out");
  const T* from = dout.data();
  dx.resize(cache.out.shape());
  kernels::relu_backward(dx.size(), from, cache.out.data(), dx.data());
}

template <class T>
std::pair<Tensor<T>, OwnedReluCache<T>> relu_forward(const TensorView<T>& x) {
  std::pair<Tensor<T>, OwnedReluCache<T>> result;
  relu_forward<T>(x, result.first, result.second);
  result.second.own(&ReluCache<T>::out);
  return result;
}

template <class T>
Tensor<T> relu_backward(const TensorView<T>& dout, const ReluCache<T>& cache) {
  Tensor<T> dx;
  relu_backward<T>(dout, cache, dx);
  return dx;
}

#define LAMINA_BOTH(T)                                                                 \
  template void relu_forward(const TensorView<T>&, Tensor<T>&, ReluCache<T>&);         \
  template void relu_backward(const TensorView<T>&, const ReluCache<T>&, Tensor<T>&);  \
  template std::pair<Tensor<T>, OwnedReluCache<T>> relu_forward(const TensorView<T>&); \
  template Tensor<T> relu_backward(const TensorView<T>&, const ReluCache<T>&);
LAMINA_BOTH(float)
LAMINA_BOTH(double)
#undef LAMINA_BOTH

}  // namespace lamina
