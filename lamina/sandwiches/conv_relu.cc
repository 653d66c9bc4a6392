#include "lamina/sandwiches/conv_relu.h"

#include "lamina/check.h"

namespace lamina {

template <class T>
void conv_relu_forward(const TensorView<T>& x, const TensorView<T>& w, const TensorView<T>& b,
                       const ConvParam& conv_param, Tensor<T>& out, ConvReluCache<T>& cache) {
  detail::conv_forward("conv_relu_forward", x, w, b, conv_param, true, out, cache.conv);
  cache.relu.out = out;
}

template <class T>
void conv_relu_backward(const TensorView<T>& dout, const ConvReluCache<T>& cache, Tensor<T>* dx, TensorView<T> dw,
                        TensorView<T> db) {
  check_shape("conv_relu_backward", "dout", dout.shape(), cache.relu.out.shape(), "out");
  relu_backward(dout, cache.relu, cache.da);
  detail::conv_backward<T>("conv_relu_backward", cache.da, cache.conv, dx, dw, db);
}

#define LAMINA_CONV_RELU(T)                                                                                           \
  template void conv_relu_forward(const TensorView<T>&, const TensorView<T>&, const TensorView<T>&, const ConvParam&, \
                                  Tensor<T>&, ConvReluCache<T>&);                                                     \
  template void conv_relu_backward(const TensorView<T>&, const ConvReluCache<T>&, Tensor<T>*, TensorView<T>,          \
                                   TensorView<T>);
LAMINA_CONV_RELU(float)
LAMINA_CONV_RELU(double)
#undef LAMINA_CONV_RELU

}  // namespace lamina
