// Inverted dropout (Hinton et al., 2012; Srivastava et al., 2014), on any shape; p is the probability of keeping.
//   training: mask = (rand(*x.shape) < p) / p;  out = x mask;  dx = dout mask
//   test:     out = x;  dx = dout
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "lamina/layers/mode.h"
#include "lamina/random.h"
#include "lamina/tensor.h"

namespace lamina {

/// The notebooks' `dropout_param`.
struct DropoutParam {
  double p = 0.5;  ///< probability of keeping an element, 0 < p <= 1
  Mode mode = Mode::train;
  std::optional<std::uint32_t> seed = {};  ///< if set, each training pass first re-seeds the stream
};

template <class T>
struct DropoutCache {
  Tensor<T> mask;  ///< 0 or 1 / p; empty at test time
};

/// Writes the result to `out`, resized to x's shape; a training pass draws rand(*x.shape) from `random`. `out`
/// may be the tensor that x views. Throws std::invalid_argument unless 0 < p <= 1.
template <class T>
void dropout_forward(const TensorView<T>& x, const DropoutParam& dropout_param, RandomState& random, Tensor<T>& out,
                     DropoutCache<T>& cache);
/// Overwrites dx, resized to dout's shape. `dx` may be the tensor that dout views.
/// Throws std::invalid_argument if a shape does not match the forward pass.
template <class T>
void dropout_backward(const TensorView<T>& dout, const DropoutCache<T>& cache, Tensor<T>& dx);

namespace detail {
/// dropout_forward without a mask. Returns the factor of the elements that it kept: 1 / p, or 1 at test time.
template <class T>
T dropout_forward(const TensorView<T>& x, const DropoutParam& dropout_param, RandomState& random, Tensor<T>& out);
}  // namespace detail

template <class T>
std::pair<Tensor<T>, DropoutCache<T>> dropout_forward(const TensorView<T>& x, const DropoutParam& dropout_param,
                                                      RandomState& random);
template <class T>
Tensor<T> dropout_backward(const TensorView<T>& dout, const DropoutCache<T>& cache);

}  // namespace lamina
