#include "lamina/layers/groupnorm.h"

#include "lamina/check.h"
#include "lamina/kernels/norm/norm.h"

namespace lamina {
namespace {

// (C,) or (1, C, 1, 1)
void check_channels(std::string_view where, std::string_view name, const Shape& got, Index C) {
  if (!(got == Shape{C} || got == Shape{1, C, 1, 1}))
    fail(where, "expected ", name, " of shape ", Shape{C}, " or ", Shape{1, C, 1, 1}, " to match x, got ", got);
}

}  // namespace

template <class T>
void spatial_groupnorm_forward(const TensorView<T>& x, const TensorView<T>& gamma, const TensorView<T>& beta, Index G,
                               const GroupNormParam& gn_param, Tensor<T>& out, GroupNormCache<T>& cache) {
  constexpr std::string_view where = "spatial_groupnorm_forward";
  if (x.rank() != 4) fail(where, "expected x of shape (N, C, H, W), got ", x.shape());
  const Index N = x.dim(0), C = x.dim(1), S = x.dim(2) * x.dim(3);
  if (C < 1 || S < 1) fail(where, "expected images of at least one pixel and channel, got x ", x.shape());
  if (G < 1 || C % G != 0) fail(where, "expected a number of groups that divides the ", C, " channels, got ", G);
  check_channels(where, "gamma", gamma.shape(), C);
  check_channels(where, "beta", beta.shape(), C);
  if (!(gn_param.eps >= 0)) fail(where, "expected eps of at least 0, got ", gn_param.eps);
  cache.x = x;
  cache.gamma = gamma;
  cache.G = G;
  cache.mean.resize({N, G});
  cache.inv_std.resize({N, G});
  out.resize(x.shape());
  if (N == 0) return;
  kernels::row_statistics(N * G, C / G * S, x.data(), cache.mean.data(), cache.inv_std.data());
  kernels::inverse_std(N * G, cache.inv_std.data(), gn_param.eps, cache.inv_std.data());
  kernels::normalize_groups(N, C, S, G, x.data(), cache.mean.data(), cache.inv_std.data(), gamma.data(), beta.data(),
                            out.data());
}

template <class T>
void spatial_groupnorm_backward(const TensorView<T>& dout, const GroupNormCache<T>& cache, Tensor<T>& dx,
                                TensorView<T> dgamma, TensorView<T> dbeta) {
  constexpr std::string_view where = "spatial_groupnorm_backward";
  if (cache.x.rank() != 4) fail(where, "expected the cache of a forward pass, got an empty one");
  check_shape(where, "dout", dout.shape(), cache.x.shape(), "x");
  check_shape(where, "dgamma", dgamma.shape(), cache.gamma.shape(), "gamma");
  check_shape(where, "dbeta", dbeta.shape(), cache.gamma.shape(), "gamma");
  const Index N = cache.x.dim(0), C = cache.x.dim(1), S = cache.x.dim(2) * cache.x.dim(3);
  dx.resize(cache.x.shape());
  if (N == 0) {
    dgamma.fill(0);
    dbeta.fill(0);
    return;
  }
  kernels::normalize_groups_backward(N, C, S, cache.G, dout.data(), cache.x.data(), cache.mean.data(),
                                     cache.inv_std.data(), cache.gamma.data(), dx.data(), dgamma.data(), dbeta.data());
}

template <class T>
std::pair<Tensor<T>, GroupNormCache<T>> spatial_groupnorm_forward(const TensorView<T>& x, const TensorView<T>& gamma,
                                                                  const TensorView<T>& beta, Index G,
                                                                  const GroupNormParam& gn_param) {
  std::pair<Tensor<T>, GroupNormCache<T>> result;
  spatial_groupnorm_forward(x, gamma, beta, G, gn_param, result.first, result.second);
  return result;
}

template <class T>
NormGradients<T> spatial_groupnorm_backward(const TensorView<T>& dout, const GroupNormCache<T>& cache) {
  NormGradients<T> g;
  g.dgamma.resize(cache.gamma.shape());
  g.dbeta.resize(cache.gamma.shape());
  spatial_groupnorm_backward<T>(dout, cache, g.dx, g.dgamma, g.dbeta);
  return g;
}

#define LAMINA_GROUPNORM(T)                                                                                           \
  template void spatial_groupnorm_forward(const TensorView<T>&, const TensorView<T>&, const TensorView<T>&, Index,    \
                                          const GroupNormParam&, Tensor<T>&, GroupNormCache<T>&);                     \
  template void spatial_groupnorm_backward(const TensorView<T>&, const GroupNormCache<T>&, Tensor<T>&, TensorView<T>, \
                                           TensorView<T>);                                                            \
  template std::pair<Tensor<T>, GroupNormCache<T>> spatial_groupnorm_forward(                                         \
      const TensorView<T>&, const TensorView<T>&, const TensorView<T>&, Index, const GroupNormParam&);                \
  template NormGradients<T> spatial_groupnorm_backward(const TensorView<T>&, const GroupNormCache<T>&);
LAMINA_GROUPNORM(float)
LAMINA_GROUPNORM(double)
#undef LAMINA_GROUPNORM

}  // namespace lamina
