// affine - [batch or layer normalization] - relu - [dropout], the hidden layer of FullyConnectedNet. It equals its
// layers one after the other, forward and backward.
#pragma once

#include <optional>

#include "lamina/layers/affine.h"
#include "lamina/layers/batchnorm.h"
#include "lamina/layers/dropout.h"
#include "lamina/layers/layernorm.h"
#include "lamina/layers/relu.h"

namespace lamina {

/// What stands between an affine layer and its ReLU.
enum class Normalization { none, batchnorm, layernorm };

/// Tensors of one hidden layer, reused from step to step. Holds views of x, w, gamma and out.
template <class T>
struct AffineNormReluDropoutCache {
  Normalization normalization = Normalization::none;
  bool dropped = false;
  AffineCache<T> affine;
  Tensor<T> a;  ///< the affine layer's output, if it is normalized
  BatchNormCache<T> batchnorm;
  LayerNormCache<T> layernorm;
  Tensor<T> hidden;      ///< relu's output, if dropout follows
  ReluCache<T> relu;     ///< relu's output
  TensorView<T> out;     ///< the whole layer's output
  T kept = 1;            ///< the factor of the elements that dropout kept, which are positive in `out` too
  mutable Tensor<T> da;  ///< scratch of the backward pass
};

/// What the layer does besides affine and ReLU. What is null or none is left out.
template <class T>
struct AffineNormReluDropoutParam {
  Normalization normalization = Normalization::none;
  BatchNormParam<T>* batchnorm = nullptr;  ///< for batchnorm: its mode and running averages
  LayerNormParam layernorm;
  const DropoutParam* dropout = nullptr;
  RandomState* random = nullptr;  ///< dropout's stream
  Precision precision = Precision::full;
};

/// x (N, ...), w (D, M), b, gamma, beta (M,); gamma and beta are read only where there is a normalization.
template <class T>
void affine_norm_relu_dropout_forward(const TensorView<T>& x, const TensorView<T>& w, const TensorView<T>& b,
                                      const TensorView<T>& gamma, const TensorView<T>& beta,
                                      const AffineNormReluDropoutParam<T>& param, Tensor<T>& out,
                                      AffineNormReluDropoutCache<T>& cache);
/// Overwrites dw, db, unless dx is null *dx, and if there is a normalization dgamma and dbeta. Throws
/// std::invalid_argument if a shape does not match the forward pass.
template <class T>
void affine_norm_relu_dropout_backward(const TensorView<T>& dout, const AffineNormReluDropoutCache<T>& cache,
                                       Tensor<T>* dx, TensorView<T> dw, TensorView<T> db, TensorView<T> dgamma,
                                       TensorView<T> dbeta);

}  // namespace lamina
