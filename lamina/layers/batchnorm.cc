#include "lamina/layers/batchnorm.h"

#include "lamina/check.h"
#include "lamina/kernels/machine/workspace.h"
#include "lamina/kernels/norm/norm.h"
#include "lamina/layers/batchnorm_naive.h"

namespace lamina {
namespace {

struct VarianceSlot {};  // scratch: the batch's variances

// Zeros before the first forward pass.
template <class T>
void prepare(std::string_view where, std::string_view name, Tensor<T>& running, Index D) {
  if (running.rank() == 0) {
    running.resize({D});
    running.fill(0);
  }
  check_shape(where, name, running.shape(), {D}, "x");
}

template <class T>
void check_backward(std::string_view where, const TensorView<T>& dout, const BatchNormCache<T>& cache) {
  if (cache.x.rank() != 2)
    fail(where, "expected the cache of a forward pass over x (N, D), got one of ", cache.x.shape());
  check_shape(where, "dout", dout.shape(), cache.x.shape(), "x");
}

}  // namespace

namespace detail {

template <class T>
void batchnorm_forward(std::string_view where, const TensorView<T>& x, const TensorView<T>& gamma,
                       const TensorView<T>& beta, BatchNormParam<T>& bn_param, bool relu, Tensor<T>& out,
                       BatchNormCache<T>& cache) {
  if (x.rank() != 2) fail(where, "expected x of shape (N, D), got ", x.shape());
  const Index N = x.dim(0), D = x.dim(1);
  const bool train = bn_param.mode == Mode::train;
  check_shape(where, "gamma", gamma.shape(), {D}, "x");
  check_shape(where, "beta", beta.shape(), {D}, "x");
  if (!(bn_param.eps >= 0)) fail(where, "expected eps of at least 0, got ", bn_param.eps);
  if (train && N == 0) fail(where, "expected at least one row to take statistics of, got x ", x.shape());
  prepare(where, "running_mean", bn_param.running_mean, D);
  prepare(where, "running_var", bn_param.running_var, D);
  cache.x = x;
  cache.gamma = gamma;
  cache.mode = bn_param.mode;
  cache.mean.resize({D});
  cache.inv_std.resize({D});
  out.resize(x.shape());
  if (train) {
    T* var = kernels::workspace<VarianceSlot, T>(D);
    kernels::normalize_batch(N, D, x.data(), gamma.data(), beta.data(), bn_param.eps, relu, cache.mean.data(), var,
                             cache.inv_std.data(), out.data());
    const T momentum = static_cast<T>(bn_param.momentum), rest = static_cast<T>(1 - bn_param.momentum);
    for (Index j = 0; j < D; ++j) {
      bn_param.running_mean[j] = momentum * bn_param.running_mean[j] + rest * cache.mean[j];
      bn_param.running_var[j] = momentum * bn_param.running_var[j] + rest * var[j];
    }
  } else {
    cache.mean.assign(bn_param.running_mean);
    kernels::inverse_std(D, bn_param.running_var.data(), bn_param.eps, cache.inv_std.data());
    kernels::normalize_columns(N, D, x.data(), cache.mean.data(), cache.inv_std.data(), gamma.data(), beta.data(), relu,
                               out.data());
  }
}

template <class T>
void batchnorm_backward(std::string_view where, const TensorView<T>& dout, const TensorView<T>* relu_out,
                        const BatchNormCache<T>& cache, Tensor<T>& dx, TensorView<T> dgamma, TensorView<T> dbeta) {
  check_backward(where, dout, cache);
  const TensorView<T>& x = cache.x;
  const Index N = x.dim(0), D = x.dim(1);
  check_shape(where, "dgamma", dgamma.shape(), {D}, "gamma");
  check_shape(where, "dbeta", dbeta.shape(), {D}, "gamma");
  const T *from = dout.data(), *active = relu_out ? relu_out->data() : nullptr;
  dx.resize(x.shape());
  kernels::normalize_batch_backward(N, D, from, active, x.data(), cache.mean.data(), cache.inv_std.data(),
                                    cache.gamma.data(), cache.mode == Mode::train, dgamma.data(), dbeta.data(),
                                    dx.data());
}

}  // namespace detail

template <class T>
void batchnorm_forward(const TensorView<T>& x, const TensorView<T>& gamma, const TensorView<T>& beta,
                       BatchNormParam<T>& bn_param, Tensor<T>& out, BatchNormCache<T>& cache) {
  detail::batchnorm_forward("batchnorm_forward", x, gamma, beta, bn_param, false, out, cache);
}

template <class T>
void batchnorm_backward(const TensorView<T>& dout, const BatchNormCache<T>& cache, Tensor<T>& dx, TensorView<T> dgamma,
                        TensorView<T> dbeta) {
  detail::batchnorm_backward<T>("batchnorm_backward", dout, nullptr, cache, dx, dgamma, dbeta);
}

template <class T>
std::pair<Tensor<T>, BatchNormCache<T>> batchnorm_forward(const TensorView<T>& x, const TensorView<T>& gamma,
                                                          const TensorView<T>& beta, BatchNormParam<T>& bn_param) {
  std::pair<Tensor<T>, BatchNormCache<T>> result;
  batchnorm_forward(x, gamma, beta, bn_param, result.first, result.second);
  return result;
}

template <class T>
NormGradients<T> batchnorm_backward(const TensorView<T>& dout, const BatchNormCache<T>& cache) {
  check_backward("batchnorm_backward", dout, cache);
  return naive::batchnorm_backward<T>(dout, cache.x, cache.gamma, cache.mean, cache.inv_std, cache.mode);
}

template <class T>
NormGradients<T> batchnorm_backward_alt(const TensorView<T>& dout, const BatchNormCache<T>& cache) {
  NormGradients<T> g;
  g.dgamma.resize(cache.gamma.shape());
  g.dbeta.resize(cache.gamma.shape());
  detail::batchnorm_backward<T>("batchnorm_backward_alt", dout, nullptr, cache, g.dx, g.dgamma, g.dbeta);
  return g;
}

#define LAMINA_BATCHNORM(T)                                                                                      \
  template void detail::batchnorm_forward(std::string_view, const TensorView<T>&, const TensorView<T>&,          \
                                          const TensorView<T>&, BatchNormParam<T>&, bool, Tensor<T>&,            \
                                          BatchNormCache<T>&);                                                   \
  template void detail::batchnorm_backward(std::string_view, const TensorView<T>&, const TensorView<T>*,         \
                                           const BatchNormCache<T>&, Tensor<T>&, TensorView<T>, TensorView<T>);  \
  template void batchnorm_forward(const TensorView<T>&, const TensorView<T>&, const TensorView<T>&,              \
                                  BatchNormParam<T>&, Tensor<T>&, BatchNormCache<T>&);                           \
  template void batchnorm_backward(const TensorView<T>&, const BatchNormCache<T>&, Tensor<T>&, TensorView<T>,    \
                                   TensorView<T>);                                                               \
  template std::pair<Tensor<T>, BatchNormCache<T>> batchnorm_forward(const TensorView<T>&, const TensorView<T>&, \
                                                                     const TensorView<T>&, BatchNormParam<T>&);  \
  template NormGradients<T> batchnorm_backward(const TensorView<T>&, const BatchNormCache<T>&);                  \
  template NormGradients<T> batchnorm_backward_alt(const TensorView<T>&, const BatchNormCache<T>&);
LAMINA_BATCHNORM(float)
LAMINA_BATCHNORM(double)
#undef LAMINA_BATCHNORM

}  // namespace lamina
