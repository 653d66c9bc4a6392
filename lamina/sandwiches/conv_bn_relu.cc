#include "lamina/sandwiches/conv_bn_relu.h"

#include "lamina/check.h"
#include "lamina/layers/spatial_batchnorm.h"

namespace lamina {

template <class T>
void conv_bn_relu_forward(const TensorView<T>& x, const TensorView<T>& w, const TensorView<T>& b,
                          const TensorView<T>& gamma, const TensorView<T>& beta, const ConvParam& conv_param,
                          BatchNormParam<T>& bn_param, Tensor<T>& out, ConvBnReluCache<T>& cache) {
  constexpr std::string_view where = "conv_bn_relu_forward";
  bn_param.layout = conv_param.layout;
  detail::conv_forward(where, x, w, b, conv_param, false, cache.a, cache.conv);
  detail::spatial_batchnorm_forward<T>(where, cache.a, gamma, beta, bn_param, true, out, cache.batchnorm);
  cache.relu.out = out;
}

template <class T>
void conv_bn_relu_backward(const TensorView<T>& dout, const ConvBnReluCache<T>& cache, Tensor<T>* dx, TensorView<T> dw,
                           TensorView<T> db, TensorView<T> dgamma, TensorView<T> dbeta) {
  constexpr std::string_view where = "conv_bn_relu_backward";
  check_shape(where, "dout", dout.shape(), cache.relu.out.shape(), "out");
  detail::spatial_batchnorm_backward<T>(where, dout, &cache.relu.out, cache.batchnorm, cache.da, dgamma, dbeta);
  detail::conv_backward<T>(where, cache.da, cache.conv, dx, dw, db);
}

#define LAMINA_CONV_BN_RELU(T)                                                                                         \
  template void conv_bn_relu_forward(const TensorView<T>&, const TensorView<T>&, const TensorView<T>&,                 \
                                     const TensorView<T>&, const TensorView<T>&, const ConvParam&, BatchNormParam<T>&, \
                                     Tensor<T>&, ConvBnReluCache<T>&);                                                 \
  template void conv_bn_relu_backward(const TensorView<T>&, const ConvBnReluCache<T>&, Tensor<T>*, TensorView<T>,      \
                                      TensorView<T>, TensorView<T>, TensorView<T>);
LAMINA_CONV_BN_RELU(float)
LAMINA_CONV_BN_RELU(double)
#undef LAMINA_CONV_BN_RELU

}  // namespace lamina
