// Spatial group normalization (Wu and He, 2018): the C channels of each image of x (N, C, H, W) form G groups of C / G
// channels; each group is normalized by its own mean and biased variance over its channels and positions.
//   x^ = (x - mu_ng) / sqrt(var_ng + eps);  out = gamma[c] x^ + beta[c], in x's shape; the same in training and at
//   test time
//   dbeta[c] = sum dout;  dgamma[c] = sum dout x^  (over N, H, W);  with g = dout gamma[c]:
//   dx = (g - mean(g) - x^ mean(g x^)) / sqrt(var_ng + eps), the means over the group
#pragma once

#include <utility>

#include "lamina/layers/batchnorm.h"
#include "lamina/tensor.h"

namespace lamina {

struct GroupNormParam {
  double eps = 1e-5;
};

/// Holds views of x and gamma, which must outlive it.
template <class T>
struct GroupNormCache {
  TensorView<T> x, gamma;
  Index G = 1;
  Tensor<T> mean, inv_std;  ///< (N, G)
};

/// gamma and beta of shape (C,) or (1, C, 1, 1); G divides C. `out` is resized to x's shape. N may be 0. Throws
/// std::invalid_argument if the shapes do not fit, or if G does not divide C.
template <class T>
void spatial_groupnorm_forward(const TensorView<T>& x, const TensorView<T>& gamma, const TensorView<T>& beta, Index G,
                               const GroupNormParam& gn_param, Tensor<T>& out, GroupNormCache<T>& cache);
/// Overwrites dx, resized to x's shape, dgamma and dbeta, both of gamma's shape. `dx` may be the tensor that dout
/// views.
/// Throws std::invalid_argument if a shape does not match the forward pass.
template <class T>
void spatial_groupnorm_backward(const TensorView<T>& dout, const GroupNormCache<T>& cache, Tensor<T>& dx,
                                TensorView<T> dgamma, TensorView<T> dbeta);

/// The same with new tensors: `auto [out, cache] = spatial_groupnorm_forward(x, gamma, beta, G);`
template <class T>
std::pair<Tensor<T>, GroupNormCache<T>> spatial_groupnorm_forward(const TensorView<T>& x, const TensorView<T>& gamma,
                                                                  const TensorView<T>& beta, Index G,
                                                                  const GroupNormParam& gn_param = {});
template <class T>
NormGradients<T> spatial_groupnorm_backward(const TensorView<T>& dout, const GroupNormCache<T>& cache);

}  // namespace lamina
