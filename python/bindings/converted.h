// The layers' caches in another type, without their views: for a gradient of another type than the forward pass's.
#pragma once

#include <algorithm>

#include "lamina/layers/affine.h"
#include "lamina/layers/batchnorm.h"
#include "lamina/layers/conv.h"
#include "lamina/layers/dropout.h"
#include "lamina/layers/groupnorm.h"
#include "lamina/layers/layernorm.h"
#include "lamina/layers/max_pool.h"
#include "lamina/sandwiches/affine_norm_relu_dropout.h"
#include "lamina/sandwiches/conv_bn_relu.h"
#include "lamina/sandwiches/conv_relu_pool.h"
#include "lamina/tensor.h"

namespace lamina::python {

template <class U, class T>
Tensor<U> converted(const Tensor<T>& tensor) {
  Tensor<U> result;
  result.resize(tensor.shape());
  std::transform(tensor.begin(), tensor.end(), result.begin(), [](T value) { return static_cast<U>(value); });
  return result;
}

template <class U, class T>
AffineCache<U> converted(const AffineCache<T>& cache) {
  return {.x = {}, .w = {}, .precision = cache.precision};
}

template <class U, class T>
ConvCache<U> converted(const ConvCache<T>& cache) {
  return {.x = {}, .w = {}, .bias = cache.bias, .param = cache.param, .x_nhwc = converted<U>(cache.x_nhwc)};
}

template <class U, class T>
PoolCache<U> converted(const PoolCache<T>& cache) {
  return {.x_shape = cache.x_shape, .argmax = cache.argmax, .param = cache.param};
}

template <class U, class T>
DropoutCache<U> converted(const DropoutCache<T>& cache) {
  return {.mask = converted<U>(cache.mask)};
}

template <class U, class T>
BatchNormCache<U> converted(const BatchNormCache<T>& cache) {
  return {.x = {},
          .gamma = {},
          .mean = converted<U>(cache.mean),
          .inv_std = converted<U>(cache.inv_std),
          .mode = cache.mode,
          .layout = cache.layout};
}

template <class U, class T>
LayerNormCache<U> converted(const LayerNormCache<T>& cache) {
  return {.x = {}, .gamma = {}, .mean = converted<U>(cache.mean), .inv_std = converted<U>(cache.inv_std)};
}

template <class U, class T>
GroupNormCache<U> converted(const GroupNormCache<T>& cache) {
  return {.x = {}, .gamma = {}, .G = cache.G, .mean = converted<U>(cache.mean), .inv_std = converted<U>(cache.inv_std)};
}

template <class U, class T>
AffineNormReluDropoutCache<U> converted(const AffineNormReluDropoutCache<T>& cache) {
  return {.normalization = cache.normalization,
          .dropped = cache.dropped,
          .affine = converted<U>(cache.affine),
          .a = converted<U>(cache.a),
          .batchnorm = converted<U>(cache.batchnorm),
          .layernorm = converted<U>(cache.layernorm),
          .hidden = converted<U>(cache.hidden),
          .relu = {},
          .out = {},
          .kept = static_cast<U>(cache.kept),
          .da = {}};
}

template <class U, class T>
ConvReluCache<U> converted(const ConvReluCache<T>& cache) {
  return {.conv = converted<U>(cache.conv), .relu = {}, .da = {}};
}

template <class U, class T>
ConvBnReluCache<U> converted(const ConvBnReluCache<T>& cache) {
  return {.conv = converted<U>(cache.conv),
          .a = converted<U>(cache.a),
          .batchnorm = converted<U>(cache.batchnorm),
          .relu = {},
          .da = {}};
}

template <class U, class T>
ConvReluPoolCache<U> converted(const ConvReluPoolCache<T>& cache) {
  return {.conv_relu = converted<U>(cache.conv_relu),
          .hidden = converted<U>(cache.hidden),
          .pool = converted<U>(cache.pool),
          .dhidden = {}};
}

}  // namespace lamina::python
