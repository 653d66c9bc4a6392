#include "lamina/layers/layernorm.h"

#include "lamina/check.h"
#include "lamina/kernels/norm/norm.h"

namespace lamina {
namespace detail {

template <class T>
void layernorm_forward(std::string_view where, const TensorView<T>& x, const TensorView<T>& gamma,
                       const TensorView<T>& beta, const LayerNormParam& ln_param, bool relu, Tensor<T>& out,
                       LayerNormCache<T>& cache) {
  if (x.rank() != 2) fail(where, "expected x of shape (N, D), got ", x.shape());
  const Index N = x.dim(0), D = x.dim(1);
  if (D == 0) fail(where, "expected rows of at least one element, got x ", x.shape());
  check_shape(where, "gamma", gamma.shape(), {D}, "x");
  check_shape(where, "beta", beta.shape(), {D}, "x");
  if (!(ln_param.eps >= 0)) fail(where, "expected eps of at least 0, got ", ln_param.eps);
  cache.x = x;
  cache.gamma = gamma;
  cache.mean.resize({N});
  cache.inv_std.resize({N});
  out.resize(x.shape());
  kernels::row_statistics(N, D, x.data(), cache.mean.data(), cache.inv_std.data());
  kernels::inverse_std(N, cache.inv_std.data(), ln_param.eps, cache.inv_std.data());
  kernels::normalize_rows(N, D, x.data(), cache.mean.data(), cache.inv_std.data(), gamma.data(), beta.data(), relu,
                          out.data());
}

template <class T>
void layernorm_backward(std::string_view where, const TensorView<T>& dout, const TensorView<T>* relu_out,
                        const LayerNormCache<T>& cache, Tensor<T>& dx, TensorView<T> dgamma, TensorView<T> dbeta) {
  const TensorView<T>& x = cache.x;
  if (x.rank() != 2) fail(where, "expected the cache of a forward pass, got an empty one");
  const Index N = x.dim(0), D = x.dim(1);
  check_shape(where, "dout", dout.shape(), x.shape(), "x");
  check_shape(where, "dgamma", dgamma.shape(), {D}, "gamma");
  check_shape(where, "dbeta", dbeta.shape(), {D}, "gamma");
  const T* from = dout.data();
  dx.resize(x.shape());
  kernels::normalize_rows_backward(N, D, from, relu_out ? relu_out->data() : nullptr, x.data(), cache.mean.data(),
                                   cache.inv_std.data(), cache.gamma.data(), dx.data(), dgamma.data(), dbeta.data());
}

}  // namespace detail

template <class T>
void layernorm_forward(const TensorView<T>& x, const TensorView<T>& gamma, const TensorView<T>& beta,
                       const LayerNormParam& ln_param, Tensor<T>& out, LayerNormCache<T>& cache) {
  detail::layernorm_forward("layernorm_forward", x, gamma, beta, ln_param, false, out, cache);
}

template <class T>
void layernorm_backward(const TensorView<T>& dout, const LayerNormCache<T>& cache, Tensor<T>& dx, TensorView<T> dgamma,
                        TensorView<T> dbeta) {
  detail::layernorm_backward<T>("layernorm_backward", dout, nullptr, cache, dx, dgamma, dbeta);
}

template <class T>
std::pair<Tensor<T>, LayerNormCache<T>> layernorm_forward(const TensorView<T>& x, const TensorView<T>& gamma,
                                                          const TensorView<T>& beta, const LayerNormParam& ln_param) {
  std::pair<Tensor<T>, LayerNormCache<T>> result;
  layernorm_forward(x, gamma, beta, ln_param, result.first, result.second);
  return result;
}

template <class T>
NormGradients<T> layernorm_backward(const TensorView<T>& dout, const LayerNormCache<T>& cache) {
  NormGradients<T> g;
  g.dgamma.resize(cache.gamma.shape());
  g.dbeta.resize(cache.gamma.shape());
  layernorm_backward<T>(dout, cache, g.dx, g.dgamma, g.dbeta);
  return g;
}

#define LAMINA_LAYERNORM(T)                                                                                        \
  template void detail::layernorm_forward(std::string_view, const TensorView<T>&, const TensorView<T>&,            \
                                          const TensorView<T>&, const LayerNormParam&, bool, Tensor<T>&,           \
                                          LayerNormCache<T>&);                                                     \
  template void detail::layernorm_backward(std::string_view, const TensorView<T>&, const TensorView<T>*,           \
                                           const LayerNormCache<T>&, Tensor<T>&, TensorView<T>, TensorView<T>);    \
  template void layernorm_forward(const TensorView<T>&, const TensorView<T>&, const TensorView<T>&,                \
                                  const LayerNormParam&, Tensor<T>&, LayerNormCache<T>&);                          \
  template void layernorm_backward(const TensorView<T>&, const LayerNormCache<T>&, Tensor<T>&, TensorView<T>,      \
                                   TensorView<T>);                                                                 \
  template std::pair<Tensor<T>, LayerNormCache<T>> layernorm_forward(const TensorView<T>&, const TensorView<T>&,   \
                                                                     const TensorView<T>&, const LayerNormParam&); \
  template NormGradients<T> layernorm_backward(const TensorView<T>&, const LayerNormCache<T>&);
LAMINA_LAYERNORM(float)
LAMINA_LAYERNORM(double)
#undef LAMINA_LAYERNORM

}  // namespace lamina
