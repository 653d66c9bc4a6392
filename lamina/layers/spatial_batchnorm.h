// Spatial batch normalization (Ioffe and Szegedy, 2015, section 3.2): batch normalization of images x (N, C, H, W),
// each channel c by one mean and one variance, taken over the N H W positions of all images:
//   training: mu, var = mean and biased variance of x[:, c]; x^ = (x - mu) / sqrt(var + eps);
//             running = momentum * running + (1 - momentum) * (mu, var)
//   test:     x^ = (x - running_mean) / sqrt(running_var + eps)
//   out = gamma[c] x^ + beta[c]
//
//   dbeta[c] = sum dout;  dgamma[c] = sum dout x^  (over N, H, W);  with M = N H W:
//   training: dx = gamma / (M sqrt(var + eps)) (M dout - dbeta - x^ dgamma);  test: dx = dout gamma / sqrt(var + eps)
#pragma once

#include <string_view>
#include <utility>

#include "lamina/layers/batchnorm.h"
#include "lamina/tensor.h"

namespace lamina {

/// x (N, C, H, W), or (N, H, W, C) if bn_param.layout is nhwc, which runs without a copy; gamma and beta (C,) or
/// (1, C, 1, 1). `out` is resized to x's shape and must not be the tensor that x views. The running averages (C,) start
/// as zeros. Throws std::invalid_argument if the shapes do not fit, if x has no channels, and for a training pass over
/// no positions.
template <class T>
void spatial_batchnorm_forward(const TensorView<T>& x, const TensorView<T>& gamma, const TensorView<T>& beta,
                               BatchNormParam<T>& bn_param, Tensor<T>& out, BatchNormCache<T>& cache);
/// dout of x's shape. Overwrites dx, resized to x's shape, and dgamma and dbeta, both of gamma's shape. `dx` may be the
/// tensor that dout views. Throws std::invalid_argument if a shape does not match the forward pass.
template <class T>
void spatial_batchnorm_backward(const TensorView<T>& dout, const BatchNormCache<T>& cache, Tensor<T>& dx,
                                TensorView<T> dgamma, TensorView<T> dbeta);

/// The same with new tensors: `auto [out, cache] = spatial_batchnorm_forward(x, gamma, beta, bn_param);`
template <class T>
std::pair<Tensor<T>, BatchNormCache<T>> spatial_batchnorm_forward(const TensorView<T>& x, const TensorView<T>& gamma,
                                                                  const TensorView<T>& beta,
                                                                  BatchNormParam<T>& bn_param);
template <class T>
NormGradients<T> spatial_batchnorm_backward(const TensorView<T>& dout, const BatchNormCache<T>& cache);

namespace detail {
/// For the sandwich conv - batch norm - relu: spatial_batchnorm_forward, which errors call `where`. With `relu`, out is
/// max(0, out), computed in the same pass.
template <class T>
void spatial_batchnorm_forward(std::string_view where, const TensorView<T>& x, const TensorView<T>& gamma,
                               const TensorView<T>& beta, BatchNormParam<T>& bn_param, bool relu, Tensor<T>& out,
                               BatchNormCache<T>& cache);
/// The backward pass of that. If relu_out is not null, it is the forward pass's max(0, out), and dout counts as 0 where
/// relu_out is not positive.
template <class T>
void spatial_batchnorm_backward(std::string_view where, const TensorView<T>& dout, const TensorView<T>* relu_out,
                                const BatchNormCache<T>& cache, Tensor<T>& dx, TensorView<T> dgamma,
                                TensorView<T> dbeta);
}  // namespace detail

}  // namespace lamina
