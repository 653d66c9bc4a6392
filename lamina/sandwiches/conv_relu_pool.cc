#include "lamina/sandwiches/conv_relu_pool.h"

namespace lamina {

template <class T>
void conv_relu_pool_forward(const TensorView<T>& x, const TensorView<T>& w, const TensorView<T>& b,
                            const ConvParam& conv_param, const PoolParam& pool_param, Tensor<T>& out,
                            ConvReluPoolCache<T>& cache) {
  PoolParam param = pool_param;
  param.layout = conv_param.layout;
  conv_relu_forward(x, w, b, conv_param, cache.hidden, cache.conv_relu);
  max_pool_forward(cache.hidden, param, out, cache.pool);
}

template <class T>
void conv_relu_pool_backward(const TensorView<T>& dout, const ConvReluPoolCache<T>& cache, Tensor<T>* dx,
                             TensorView<T> dw, TensorView<T> db) {
  max_pool_backward(dout, cache.pool, cache.dhidden);
  conv_relu_backward<T>(cache.dhidden, cache.conv_relu, dx, dw, db);
}

#define LAMINA_CONV_RELU_POOL(T)                                                                                      \
  template void conv_relu_pool_forward(const TensorView<T>&, const TensorView<T>&, const TensorView<T>&,              \
                                       const ConvParam&, const PoolParam&, Tensor<T>&, ConvReluPoolCache<T>&);        \
  template void conv_relu_pool_backward(const TensorView<T>&, const ConvReluPoolCache<T>&, Tensor<T>*, TensorView<T>, \
                                        TensorView<T>);
LAMINA_CONV_RELU_POOL(float)
LAMINA_CONV_RELU_POOL(double)
#undef LAMINA_CONV_RELU_POOL

}  // namespace lamina
