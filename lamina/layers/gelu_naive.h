// The specification of gelu.h, in plain loops.
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>

#include "lamina/layers/gelu.h"
#include "lamina/tensor.h"

namespace lamina::naive {

// At infinity, where the formulas multiply infinity by 0, both passes give the limit.
template <class T>
Tensor<T> gelu_forward(const TensorView<T>& x_, GeluForm form = GeluForm::exact) {
  Tensor<T> out(x_.shape());
  for (Index i = 0; i < out.size(); ++i) {
    const T x = x_[i], root = std::sqrt(2 / std::numbers::pi_v<T>);
    if (std::isinf(x))
      out[i] = std::max(x, T{0});
    else if (form == GeluForm::exact)
      out[i] = x / 2 * std::erfc(-x / std::numbers::sqrt2_v<T>);  // erfc(-z) = 1 + erf(z), but precise for z < 0
    else
      out[i] = x / 2 * (1 + std::tanh(root * (x + T(0.044715) * x * x * x)));
  }
  return out;
}

template <class T>
Tensor<T> gelu_backward(const TensorView<T>& dout, const TensorView<T>& x_, GeluForm form = GeluForm::exact) {
  Tensor<T> dx(x_.shape());
  for (Index i = 0; i < dx.size(); ++i) {
    const T x = x_[i], root = std::sqrt(2 / std::numbers::pi_v<T>);
    T slope = x > 0 ? 1 : 0;
    if (!std::isinf(x) && form == GeluForm::exact) {
      slope = std::erfc(-x / std::numbers::sqrt2_v<T>) / 2 +
              x * std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi_v<T>);
    } else if (!std::isinf(x)) {
      const T t = std::tanh(root * (x + T(0.044715) * x * x * x));
      slope = (1 + t) / 2 + x / 2 * (1 - t * t) * root * (1 + 3 * T(0.044715) * x * x);
    }
    dx[i] = dout[i] * slope;
  }
  return dx;
}

}  // namespace lamina::naive
