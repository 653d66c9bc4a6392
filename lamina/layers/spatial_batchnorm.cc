#include "lamina/layers/spatial_batchnorm.h"

#include "lamina/check.h"
#include "lamina/kernels/layout.h"
#include "lamina/kernels/machine/workspace.h"
#include "lamina/kernels/norm/norm.h"

namespace lamina {
namespace {

struct InputSlot {};     // scratch: x, channels last
struct OutputSlot {};    // scratch: out, or dout and then dx, channels last
struct ReluSlot {};      // scratch: relu's output, channels last
struct VarianceSlot {};  // scratch: the batch's variances

struct Sizes {
  Index N, C, S;  // S = H W
  Index rows() const { return N * S; }
};

Sizes sizes(std::string_view where, const Shape& x, Layout layout) {
  const bool nhwc = layout == Layout::nhwc;
  if (x.rank() != 4) fail(where, "expected x of shape ", nhwc ? "(N, H, W, C)" : "(N, C, H, W)", ", got ", x);
  return nhwc ? Sizes{x[0], x[3], x[1] * x[2]} : Sizes{x[0], x[1], x[2] * x[3]};
}

// (C,) or (1, C, 1, 1)
void check_channels(std::string_view where, std::string_view name, const Shape& got, Index C) {
  if (!(got == Shape{C} || got == Shape{1, C, 1, 1}))
    fail(where, "expected ", name, " of shape ", Shape{C}, " to match x, got ", got);
}

// Zeros before the first forward pass.
template <class T>
void prepare(std::string_view where, std::string_view name, Tensor<T>& running, Index C) {
  if (running.rank() == 0) {
    running.resize({C});
    running.fill(0);
  }
  check_shape(where, name, running.shape(), {C}, "x");
}

}  // namespace

namespace detail {

template <class T>
void spatial_batchnorm_forward(std::string_view where, const TensorView<T>& x, const TensorView<T>& gamma,
                               const TensorView<T>& beta, BatchNormParam<T>& bn_param, bool relu, Tensor<T>& out,
                               BatchNormCache<T>& cache) {
  const Sizes s = sizes(where, x.shape(), bn_param.layout);
  const bool train = bn_param.mode == Mode::train;
  if (s.C < 1) fail(where, "expected images of at least one channel, got x ", x.shape());
  check_channels(where, "gamma", gamma.shape(), s.C);
  check_channels(where, "beta", beta.shape(), s.C);
  if (!(bn_param.eps >= 0)) fail(where, "expected eps of at least 0, got ", bn_param.eps);
  if (train && s.rows() == 0) fail(where, "expected at least one position to take statistics of, got x ", x.shape());
  prepare(where, "running_mean", bn_param.running_mean, s.C);
  prepare(where, "running_var", bn_param.running_var, s.C);
  cache.x = x;
  cache.gamma = gamma;
  cache.mode = bn_param.mode;
  cache.layout = bn_param.layout;
  cache.mean.resize({s.C});
  cache.inv_std.resize({s.C});
  out.resize(x.shape());

  const bool nhwc = bn_param.layout == Layout::nhwc;
  const T* from = x.data();
  T* to = out.data();
  if (!nhwc) {
    T* x_nhwc = kernels::workspace<InputSlot, T>(x.size());
    kernels::transpose(s.N, s.C, s.S, x.data(), x_nhwc);
    from = x_nhwc;
    to = kernels::workspace<OutputSlot, T>(x.size());
  }
  if (train) {
    T* var = kernels::workspace<VarianceSlot, T>(s.C);
    kernels::column_statistics(s.rows(), s.C, from, cache.mean.data(), var);
    const T momentum = static_cast<T>(bn_param.momentum), rest = static_cast<T>(1 - bn_param.momentum);
    for (Index c = 0; c < s.C; ++c) {
      bn_param.running_mean[c] = momentum * bn_param.running_mean[c] + rest * cache.mean[c];
      bn_param.running_var[c] = momentum * bn_param.running_var[c] + rest * var[c];
    }
    kernels::inverse_std(s.C, var, bn_param.eps, cache.inv_std.data());
  } else {
    cache.mean.assign(bn_param.running_mean);
    kernels::inverse_std(s.C, bn_param.running_var.data(), bn_param.eps, cache.inv_std.data());
  }
  kernels::normalize_columns(s.rows(), s.C, from, cache.mean.data(), cache.inv_std.data(), gamma.data(), beta.data(),
                             relu, to);
  if (!nhwc) kernels::transpose(s.N, s.S, s.C, to, out.data());
}

template <class T>
void spatial_batchnorm_backward(std::string_view where, const TensorView<T>& dout, const TensorView<T>* relu_out,
                                const BatchNormCache<T>& cache, Tensor<T>& dx, TensorView<T> dgamma,
                                TensorView<T> dbeta) {
  const Sizes s = sizes(where, cache.x.shape(), cache.layout);
  check_shape(where, "dout", dout.shape(), cache.x.shape(), "x");
  check_shape(where, "dgamma", dgamma.shape(), cache.gamma.shape(), "gamma");
  check_shape(where, "dbeta", dbeta.shape(), cache.gamma.shape(), "gamma");
  const bool nhwc = cache.layout == Layout::nhwc;
  const T *x = cache.x.data(), *d = dout.data(), *active = relu_out ? relu_out->data() : nullptr;
  if (!nhwc) {
    T* x_nhwc = kernels::workspace<InputSlot, T>(cache.x.size());
    kernels::transpose(s.N, s.C, s.S, x, x_nhwc);
    T* d_nhwc = kernels::workspace<OutputSlot, T>(dout.size());
    kernels::transpose(s.N, s.C, s.S, d, d_nhwc);
    if (relu_out) {
      T* active_nhwc = kernels::workspace<ReluSlot, T>(dout.size());
      kernels::transpose(s.N, s.C, s.S, active, active_nhwc);
      active = active_nhwc;
    }
    x = x_nhwc;
    d = d_nhwc;
  }
  dx.resize(cache.x.shape());
  T* to = nhwc ? dx.data() : const_cast<T*>(d);
  kernels::normalize_columns_sums(s.rows(), s.C, d, active, x, cache.mean.data(), cache.inv_std.data(), dgamma.data(),
                                  dbeta.data());
  kernels::normalize_columns_backward(s.rows(), s.C, d, active, x, cache.mean.data(), cache.inv_std.data(),
                                      cache.gamma.data(), dgamma.data(), dbeta.data(), cache.mode == Mode::train, to);
  if (!nhwc) kernels::transpose(s.N, s.S, s.C, to, dx.data());
}

#define LAMINA_SPATIAL_BATCHNORM(T)                                                                      \
  template void spatial_batchnorm_forward(std::string_view, const TensorView<T>&, const TensorView<T>&,  \
                                          const TensorView<T>&, BatchNormParam<T>&, bool, Tensor<T>&,    \
                                          BatchNormCache<T>&);                                           \
  template void spatial_batchnorm_backward(std::string_view, const TensorView<T>&, const TensorView<T>*, \
                                           const BatchNormCache<T>&, Tensor<T>&, TensorView<T>, TensorView<T>);
LAMINA_SPATIAL_BATCHNORM(float)
LAMINA_SPATIAL_BATCHNORM(double)
#undef LAMINA_SPATIAL_BATCHNORM

}  // namespace detail

template <class T>
void spatial_batchnorm_forward(const TensorView<T>& x, const TensorView<T>& gamma, const TensorView<T>& beta,
                               BatchNormParam<T>& bn_param, Tensor<T>& out, BatchNormCache<T>& cache) {
  detail::spatial_batchnorm_forward("spatial_batchnorm_forward", x, gamma, beta, bn_param, false, out, cache);
}

template <class T>
void spatial_batchnorm_backward(const TensorView<T>& dout, const BatchNormCache<T>& cache, Tensor<T>& dx,
                                TensorView<T> dgamma, TensorView<T> dbeta) {
  detail::spatial_batchnorm_backward<T>("spatial_batchnorm_backward", dout, nullptr, cache, dx, dgamma, dbeta);
}

template <class T>
std::pair<Tensor<T>, BatchNormCache<T>> spatial_batchnorm_forward(const TensorView<T>& x, const TensorView<T>& gamma,
                                                                  const TensorView<T>& beta,
                                                                  BatchNormParam<T>& bn_param) {
  std::pair<Tensor<T>, BatchNormCache<T>> result;
  spatial_batchnorm_forward(x, gamma, beta, bn_param, result.first, result.second);
  return result;
}

template <class T>
NormGradients<T> spatial_batchnorm_backward(const TensorView<T>& dout, const BatchNormCache<T>& cache) {
  NormGradients<T> g;
  g.dgamma.resize(cache.gamma.shape());
  g.dbeta.resize(cache.gamma.shape());
  spatial_batchnorm_backward<T>(dout, cache, g.dx, g.dgamma, g.dbeta);
  return g;
}

#define LAMINA_SPATIAL_BATCHNORM(T)                                                                                   \
  template void spatial_batchnorm_forward(const TensorView<T>&, const TensorView<T>&, const TensorView<T>&,           \
                                          BatchNormParam<T>&, Tensor<T>&, BatchNormCache<T>&);                        \
  template void spatial_batchnorm_backward(const TensorView<T>&, const BatchNormCache<T>&, Tensor<T>&, TensorView<T>, \
                                           TensorView<T>);                                                            \
  template std::pair<Tensor<T>, BatchNormCache<T>> spatial_batchnorm_forward(                                         \
      const TensorView<T>&, const TensorView<T>&, const TensorView<T>&, BatchNormParam<T>&);                          \
  template NormGradients<T> spatial_batchnorm_backward(const TensorView<T>&, const BatchNormCache<T>&);
LAMINA_SPATIAL_BATCHNORM(float)
LAMINA_SPATIAL_BATCHNORM(double)
#undef LAMINA_SPATIAL_BATCHNORM

}  // namespace lamina
