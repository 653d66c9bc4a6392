// Layer normalization (Ba, Kiros and Hinton, 2016): every row of x (N, D) is normalized by its own mean and biased
// variance.
//   x^ = (x - mu_n) / sqrt(var_n + eps);  out = gamma x^ + beta;  the same in training and at test time
//   dbeta = sum dout;  dgamma = sum dout x^  (over N);  with g = dout gamma:
//   dx = (g - mean_D(g) - x^ mean_D(g x^)) / sqrt(var_n + eps)
#pragma once

#include <string_view>
#include <utility>

#include "lamina/layers/batchnorm.h"
#include "lamina/tensor.h"

namespace lamina {

struct LayerNormParam {
  double eps = 1e-5;
};

/// Holds views of x and gamma, which must outlive it.
template <class T>
struct LayerNormCache {
  TensorView<T> x, gamma;
  Tensor<T> mean, inv_std;  ///< (N,)
};

/// x (N, D), gamma and beta (D,); `out` is resized to (N, D) and must not be the tensor that x views. Throws
/// std::invalid_argument if the shapes do not fit.
template <class T>
void layernorm_forward(const TensorView<T>& x, const TensorView<T>& gamma, const TensorView<T>& beta,
                       const LayerNormParam& ln_param, Tensor<T>& out, LayerNormCache<T>& cache);
/// Overwrites dx, resized to x's shape, dgamma and dbeta (D,). `dx` may be the tensor that dout views.
/// Throws std::invalid_argument if a shape does not match the forward pass.
template <class T>
void layernorm_backward(const TensorView<T>& dout, const LayerNormCache<T>& cache, Tensor<T>& dx, TensorView<T> dgamma,
                        TensorView<T> dbeta);

template <class T>
std::pair<Tensor<T>, LayerNormCache<T>> layernorm_forward(const TensorView<T>& x, const TensorView<T>& gamma,
                                                          const TensorView<T>& beta,
                                                          const LayerNormParam& ln_param = {});
template <class T>
NormGradients<T> layernorm_backward(const TensorView<T>& dout, const LayerNormCache<T>& cache);

namespace detail {
/// layernorm_forward, but errors name `where`; with `relu`, out is max(0, out), computed in the same pass.
template <class T>
void layernorm_forward(std::string_view where, const TensorView<T>& x, const TensorView<T>& gamma,
                       const TensorView<T>& beta, const LayerNormParam& ln_param, bool relu, Tensor<T>& out,
                       LayerNormCache<T>& cache);
/// If relu_out is not null, it is the forward pass's max(0, out), and dout counts as 0 where relu_out is not positive.
template <class T>
void layernorm_backward(std::string_view where, const TensorView<T>& dout, const TensorView<T>* relu_out,
                        const LayerNormCache<T>& cache, Tensor<T>& dx, TensorView<T> dgamma, TensorView<T> dbeta);
}  // namespace detail

}  // namespace lamina
