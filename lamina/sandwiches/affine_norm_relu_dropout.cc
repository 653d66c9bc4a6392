#include "lamina/sandwiches/affine_norm_relu_dropout.h"

#include "lamina/check.h"
#include "lamina/kernels/elementwise.h"

namespace lamina {

template <class T>
void affine_norm_relu_dropout_forward(const TensorView<T>& x, const TensorView<T>& w, const TensorView<T>& b,
                                      const TensorView<T>& gamma, const TensorView<T>& beta,
                                      const AffineNormReluDropoutParam<T>& param, Tensor<T>& out,
                                      AffineNormReluDropoutCache<T>& cache) {
  constexpr std::string_view where = "affine_norm_relu_dropout_forward";
  if (param.normalization == Normalization::batchnorm && !param.batchnorm)
    fail(where, "expected param.batchnorm where the normalization is batchnorm, got none");
  if (param.dropout && !param.random) fail(where, "expected param.random where there is dropout, got none");
  cache.normalization = param.normalization;
  cache.dropped = param.dropout != nullptr;
  Tensor<T>& hidden = cache.dropped ? cache.hidden : out;
  if (param.normalization == Normalization::none) {
    detail::affine_forward(where, x, w, b, true, hidden, cache.affine, param.precision);
  } else {
    detail::affine_forward(where, x, w, b, false, cache.a, cache.affine, param.precision);
    if (param.normalization == Normalization::batchnorm)
      detail::batchnorm_forward<T>(where, cache.a, gamma, beta, *param.batchnorm, true, hidden, cache.batchnorm);
    else
      detail::layernorm_forward<T>(where, cache.a, gamma, beta, param.layernorm, true, hidden, cache.layernorm);
  }
  cache.relu.out = hidden;
  cache.kept = cache.dropped ? detail::dropout_forward<T>(hidden, *param.dropout, *param.random, out) : T{1};
  cache.out = out;
}

template <class T>
void affine_norm_relu_dropout_backward(const TensorView<T>& dout, const AffineNormReluDropoutCache<T>& cache,
                                       Tensor<T>* dx, TensorView<T> dw, TensorView<T> db, TensorView<T> dgamma,
                                       TensorView<T> dbeta) {
  constexpr std::string_view where = "affine_norm_relu_dropout_backward";
  check_shape(where, "dout", dout.shape(), cache.out.shape(), "out");
  Tensor<T>& da = cache.da;
  da.resize(dout.shape());
  // The gradient of the normalization's output, but for the ReLU where the normalization's backward pass takes that in.
  TensorView<T> g = dout;
  const TensorView<T>* relu_out = &cache.relu.out;
  if (cache.dropped) {
    g = da;
    relu_out = nullptr;
    kernels::relu_dropout_backward(da.size(), dout.data(), cache.hidden.data(), cache.out.data(), cache.kept,
                                   da.data());
  }
  if (cache.normalization == Normalization::batchnorm)
    detail::batchnorm_backward<T>(where, g, relu_out, cache.batchnorm, da, dgamma, dbeta);
  else if (cache.normalization == Normalization::layernorm)
    detail::layernorm_backward<T>(where, g, relu_out, cache.layernorm, da, dgamma, dbeta);
  else if (relu_out)
    kernels::relu_backward(da.size(), dout.data(), relu_out->data(), da.data());
  detail::affine_backward<T>(where, da, cache.affine, dx, dw, db);
}

#define LAMINA_BOTH(T)                                                                                              \
  template void affine_norm_relu_dropout_forward(                                                                   \
      const TensorView<T>&, const TensorView<T>&, const TensorView<T>&, const TensorView<T>&, const TensorView<T>&, \
      const AffineNormReluDropoutParam<T>&, Tensor<T>&, AffineNormReluDropoutCache<T>&);                            \
  template void affine_norm_relu_dropout_backward(const TensorView<T>&, const AffineNormReluDropoutCache<T>&,       \
                                                  Tensor<T>*, TensorView<T>, TensorView<T>, TensorView<T>,          \
                                                  TensorView<T>);
LAMINA_BOTH(float)
LAMINA_BOTH(double)
#undef LAMINA_BOTH

}  // namespace lamina
