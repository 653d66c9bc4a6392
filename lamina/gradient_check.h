// Numerical gradients by centred differences, and the relative error that the notebooks print.
#pragma once

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>

#include "lamina/check.h"
#include "lamina/tensor.h"

namespace lamina {

namespace detail {
/// Puts an element back, exactly, however the scope is left.
struct RestoredElement {
  double& element;
  const double value = element;
  ~RestoredElement() { element = value; }
};
}  // namespace detail

/// The gradient of f at x, in x's shape: (f(x + h) - f(x - h)) / (2 h) for each element of x in turn. f takes x, a
/// view whose memory is changed while f runs and restored afterwards, and returns a number.
template <class F>
Tensor<double> eval_numerical_gradient(F&& f, TensorView<double> x, double h = 1e-5) {
  Tensor<double> grad(x.shape());
  for (Index i = 0; i < x.size(); ++i) {
    const detail::RestoredElement old{x[i]};
    x[i] = old.value + h;
    const double above = static_cast<double>(f(std::as_const(x)));
    x[i] = old.value - h;
    const double below = static_cast<double>(f(std::as_const(x)));
    grad[i] = (above - below) / (2 * h);
  }
  return grad;
}

/// The gradient of sum(f(x) df) at x, in x's shape: f takes x as above and returns a tensor or view of df's size.
/// Throws std::invalid_argument where the sizes differ.
template <class F>
Tensor<double> eval_numerical_gradient_array(F&& f, TensorView<double> x, const TensorView<double>& df,
                                             double h = 1e-5) {
  Tensor<double> grad(x.shape());
  for (Index i = 0; i < x.size(); ++i) {
    const detail::RestoredElement old{x[i]};
    x[i] = old.value + h;
    const Tensor<double> above(f(std::as_const(x)));
    x[i] = old.value - h;
    const Tensor<double> below(f(std::as_const(x)));
    x[i] = old.value;
    if (above.size() != df.size() || below.size() != df.size())
      fail("eval_numerical_gradient_array", "expected f(x) of df's shape ", df.shape(), ", got ", above.shape());
    double sum = 0;
    for (Index k = 0; k < df.size(); ++k) sum += (above[k] - below[k]) * df[k];
    grad[i] = sum / (2 * h);
  }
  return grad;
}

/// max |x - y| / max(1e-8, |x| + |y|) over all elements; NaN where any is, 0 for empty tensors. Throws
/// std::invalid_argument where the shapes differ.
template <class T, class U>
double rel_error(const TensorView<T>& x, const TensorView<U>& y) {
  if (!(x.shape() == y.shape()))
    fail("rel_error", "expected two tensors of one shape, got ", x.shape(), " and ", y.shape());
  double worst = 0;
  for (Index i = 0; i < x.size(); ++i) {
    const double a = static_cast<double>(x[i]), b = static_cast<double>(y[i]);
    const double error = std::abs(a - b) / std::max(1e-8, std::abs(a) + std::abs(b));
    if (!(error <= worst)) worst = error;
    if (std::isnan(worst)) break;
  }
  return worst;
}

}  // namespace lamina
