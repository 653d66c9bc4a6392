// Batch normalization (Ioffe and Szegedy, 2015), over the rows of x (N, D):
//   training: mu, var = mean and biased variance of each column; x^ = (x - mu) / sqrt(var + eps);
//             running = momentum * running + (1 - momentum) * (mu, var)
//   test:     x^ = (x - running_mean) / sqrt(running_var + eps)
//   out = gamma x^ + beta
//
//   dbeta = sum dout;  dgamma = sum dout x^  (over N)
//   training: dx = gamma / (N sqrt(var + eps)) (N dout - dbeta - x^ dgamma);  test: dx = dout gamma / sqrt(var + eps)
//
// For images see spatial_batchnorm.h.
#pragma once

#include <string_view>
#include <utility>

#include "lamina/layers/mode.h"
#include "lamina/tensor.h"

namespace lamina {

/// The notebooks' `bn_param`. The first forward pass makes the running averages: zeros of shape (D,).
template <class T>
struct BatchNormParam {
  Mode mode = Mode::train;
  double eps = 1e-5;
  double momentum = 0.9;  ///< weight of the old running value
  Tensor<T> running_mean, running_var;
  Layout layout = Layout::nchw;  ///< order of the images in spatial_batchnorm.h; not read here
};

/// Holds views of x and gamma, which must outlive it.
template <class T>
struct BatchNormCache {
  TensorView<T> x, gamma;
  Tensor<T> mean, inv_std;  ///< (D,): mu and 1 / sqrt(var + eps)
  Mode mode = Mode::train;
  Layout layout = Layout::nchw;
};

template <class T>
struct NormGradients {
  Tensor<T> dx, dgamma, dbeta;
};

/// x (N, D), gamma and beta (D,); `out` is resized to (N, D) and must not be the tensor that x views. Throws
/// std::invalid_argument if the shapes do not fit, and for a training pass over no rows.
template <class T>
void batchnorm_forward(const TensorView<T>& x, const TensorView<T>& gamma, const TensorView<T>& beta,
                       BatchNormParam<T>& bn_param, Tensor<T>& out, BatchNormCache<T>& cache);
/// Overwrites dx, which is resized to x's shape, and dgamma and dbeta (D,), by the simplified formula above. `dx` may
/// be the tensor that dout views. Throws std::invalid_argument if a shape does not match the forward pass.
template <class T>
void batchnorm_backward(const TensorView<T>& dout, const BatchNormCache<T>& cache, Tensor<T>& dx, TensorView<T> dgamma,
                        TensorView<T> dbeta);

template <class T>
std::pair<Tensor<T>, BatchNormCache<T>> batchnorm_forward(const TensorView<T>& x, const TensorView<T>& gamma,
                                                          const TensorView<T>& beta, BatchNormParam<T>& bn_param);
/// Goes back through the computation graph step by step, as the notebooks do first.
template <class T>
NormGradients<T> batchnorm_backward(const TensorView<T>& dout, const BatchNormCache<T>& cache);
/// Uses the simplified formula above.
template <class T>
NormGradients<T> batchnorm_backward_alt(const TensorView<T>& dout, const BatchNormCache<T>& cache);

namespace detail {
/// batchnorm_forward, but errors name `where`; with `relu`, out is max(0, out), computed in the same pass.
template <class T>
void batchnorm_forward(std::string_view where, const TensorView<T>& x, const TensorView<T>& gamma,
                       const TensorView<T>& beta, BatchNormParam<T>& bn_param, bool relu, Tensor<T>& out,
                       BatchNormCache<T>& cache);
/// batchnorm_backward, but errors name `where`. If relu_out is not null, it is the forward pass's max(0, out); dout
/// then counts as 0 where relu_out is not positive.
template <class T>
void batchnorm_backward(std::string_view where, const TensorView<T>& dout, const TensorView<T>* relu_out,
                        const BatchNormCache<T>& cache, Tensor<T>& dx, TensorView<T> dgamma, TensorView<T> dbeta);
}  // namespace detail

}  // namespace lamina
