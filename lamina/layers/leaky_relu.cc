#include "lamina/layers/leaky_relu.h"

#include "lamina/check.h"
#include "lamina/kernels/activation.h"

namespace lamina {

template <class T>
void leaky_relu_forward(const TensorView<T>& x, double slope, Tensor<T>& out, LeakyReluCache<T>& cache) {
  if (!(slope >= 0)) fail("leaky_relu_forward", "expected a slope of at least 0, got ", slope);
  const T* from = x.data();
  out.resize(x.shape());
  kernels::leaky_relu(out.size(), static_cast<T>(slope), from, out.data());
  cache.out = out;
  cache.slope = slope;
}

template <class T>
void leaky_relu_backward(const TensorView<T>& dout, const LeakyReluCache<T>& cache, Tensor<T>& dx) {
  check_shape("leaky_relu_backward", "dout", dout.shape(), cache.out.shape(), "out");
  const T* from = dout.data();
  dx.resize(cache.out.shape());
  kernels::leaky_relu_backward(dx.size(), static_cast<T>(cache.slope), from, cache.out.data(), dx.data());
}

template <class T>
std::pair<Tensor<T>, OwnedLeakyReluCache<T>> leaky_relu_forward(const TensorView<T>& x, double slope) {
  std::pair<Tensor<T>, OwnedLeakyReluCache<T>> result;
  leaky_relu_forward<T>(x, slope, result.first, result.second);
  result.second.own(&LeakyReluCache<T>::out);
  return result;
}

template <class T>
Tensor<T> leaky_relu_backward(const TensorView<T>& dout, const LeakyReluCache<T>& cache) {
  Tensor<T> dx;
  leaky_relu_backward<T>(dout, cache, dx);
  return dx;
}

#define LAMINA_BOTH(T)                                                                                    \
  template void leaky_relu_forward(const TensorView<T>&, double, Tensor<T>&, LeakyReluCache<T>&);         \
  template void leaky_relu_backward(const TensorView<T>&, const LeakyReluCache<T>&, Tensor<T>&);          \
  template std::pair<Tensor<T>, OwnedLeakyReluCache<T>> leaky_relu_forward(const TensorView<T>&, double); \
  template Tensor<T> leaky_relu_backward(const TensorView<T>&, const LeakyReluCache<T>&);
LAMINA_BOTH(float)
LAMINA_BOTH(double)
#undef LAMINA_BOTH

}  // namespace lamina
