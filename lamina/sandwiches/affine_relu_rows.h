// affine - relu - affine - relu - ... - affine for small layers, by blocks of rows: every thread takes some rows of x
// through all layers, so that threads wait for one another once and not at each layer. Where worth_rows() says so,
// equals affine_relu and affine bit for bit.
#pragma once

#include <span>

#include "lamina/tensor.h"

namespace lamina {

/// An affine layer, and a ReLU behind it unless it is the last.
template <class T>
struct AffineLink {
  TensorView<T> w{}, b{};  ///< (D, M) and (M,)
  TensorView<T> out{};     ///< (N, M): written by the forward pass, read by the backward pass
  TensorView<T> da{};      ///< (N, M), the gradient of the affine layer's output: written, but the last link's is given
  TensorView<T> dw{}, db{};  ///< as w and b; written by the backward pass
};

/// Whether layers of these sizes are worth it, with the threads there are: where each is so small that its products
/// are made the same way for some rows as for all, and the threads would spend their time on waiting.
template <class T>
bool worth_rows(Index N, std::span<const AffineLink<T>> links);

/// From x (N, D) to the last link's out. Throws std::invalid_argument where shapes do not fit each other.
template <class T>
void affine_relu_rows_forward(const TensorView<T>& x, std::span<const AffineLink<T>> links);

/// Every link's dw and db, and dx (N, D). Errors as the forward pass's.
template <class T>
void affine_relu_rows_backward(const TensorView<T>& x, std::span<const AffineLink<T>> links, TensorView<T> dx);

}  // namespace lamina
