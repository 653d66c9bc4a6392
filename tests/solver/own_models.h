// Nets that are not lamina's: what the tests of Solver train.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lamina/nets/net.h"
#include "lamina/random.h"
#include "lamina/solver/solver.h"

namespace lamina {

/// Softmax regression on inputs of which a training pass drops some and keeps a running mean: plain loops, draws
/// from the run's stream, buffers.
template <class T>
class NoisyLinear {
 public:
  using Scalar = T;

  NoisyLinear(Index D, Index C, RandomState& random)
      : D_(D),
        C_(C),
        random_(random),
        params_({{"W", {D, C}}, {"b", {C}}}),
        grads_({{"W", {D, C}}, {"b", {C}}}),
        mean_(Shape{D}) {
    for (T& w : params_["W"]) w = static_cast<T>(0.1 * random.randn());
  }

  Parameters<T>& params() { return params_; }
  const Parameters<T>& params() const { return params_; }
  std::vector<NamedTensor<T>> buffers() { return {{"mean", mean_}}; }

  const Tensor<T>& loss(const TensorView<T>& X) {
    forward(X, false);
    return scores_;
  }
  LossAndGradients<T> loss(const TensorView<T>& X, std::span<const Label> y) {
    forward(X, true);
    const Index N = X.dim(0);
    grads_["W"].fill(0);
    grads_["b"].fill(0);
    double loss = 0;
    for (Index n = 0; n < N; ++n) {
      T* s = scores_.data() + n * C_;
      const T top = *std::max_element(s, s + C_);
      for (Index c = 0; c < C_; ++c) s[c] -= top;
      double sum = 0;
      for (Index c = 0; c < C_; ++c) sum += std::exp(static_cast<double>(s[c]));
      for (Index c = 0; c < C_; ++c) {
        const double p = std::exp(static_cast<double>(s[c])) / sum;
        const bool right = c == y[static_cast<std::size_t>(n)];
        if (right) loss -= std::log(p + 1e-300) / static_cast<double>(N);
        const T ds = static_cast<T>((p - right) / static_cast<double>(N));
        grads_["b"][c] += ds;
        for (Index d = 0; d < D_; ++d) grads_["W"](d, c) += input_(n, d) * ds;
      }
    }
    return {loss, grads_};
  }

 private:
  void forward(const TensorView<T>& X, bool train) {
    const Index N = X.dim(0);
    input_.resize({N, D_});
    scores_.resize({N, C_});
    for (Index i = 0; i < N * D_; ++i) input_[i] = X[i];
    if (train)
      for (Index d = 0; d < D_; ++d) {
        T mean = 0;
        for (Index n = 0; n < N; ++n) mean += input_(n, d) / static_cast<T>(N);
        mean_[d] = static_cast<T>(0.9) * mean_[d] + static_cast<T>(0.1) * mean;
      }
    for (Index i = 0; i < N * D_; ++i) {
      input_[i] -= mean_[i % D_];
      if (train && random_.randn() > 1) input_[i] = 0;
    }
    for (Index n = 0; n < N; ++n)
      for (Index c = 0; c < C_; ++c) {
        T s = params_["b"][c];
        for (Index d = 0; d < D_; ++d) s += input_(n, d) * params_["W"](d, c);
        scores_(n, c) = s;
      }
  }

  Index D_, C_;
  RandomState& random_;
  Parameters<T> params_, grads_;
  Tensor<T> mean_, input_, scores_;
};

/// Says what the test tells it to: `next_loss()` at each training pass, the class `predicted()` for every example. Its
/// one parameter "w" (1,) has gradient `gradient`. No buffers.
struct Scripted {
  using Scalar = double;
  struct Result {  // its own type, which converts
    double value;
    const Parameters<double>& grads;
    operator LossAndGradients<double>() const { return {value, grads}; }
  };

  Parameters<double> params_{{{"w", {1}}}};
  Parameters<double> grads_{{{"w", {1}}}};
  Index classes = 3;
  double gradient = 1;
  std::function<double()> next_loss = [] { return 1.0; };
  std::function<Index()> predicted = [] { return Index{0}; };
  std::vector<Index> seen;  // sizes of the test-time batches
  Tensor<double> scores;

  Parameters<double>& params() { return params_; }
  const Parameters<double>& params() const { return params_; }
  TensorView<double>& loss(const TensorView<double>& X) {
    seen.push_back(X.dim(0));
    scores = Tensor<double>({X.dim(0), classes});
    for (Index i = 0; i < X.dim(0); ++i) scores(i, predicted()) = 1;
    return scores;
  }
  Result loss(const TensorView<double>&, std::span<const Label>) {
    grads_.begin()->value[0] = gradient;
    return {next_loss(), grads_};
  }
};

/// n examples of D numbers; the label is that of the largest of the first C, noise aside.
inline Split drawn_split(RandomState& random, Index n, Index D, Index C) {
  Tensor<double> x = random.randn({n, D});
  std::vector<Label> y;
  for (Index i = 0; i < n; ++i) {
    y.push_back(static_cast<Label>(random.randint(C)));
    x(i, y.back()) += 1.5;
  }
  return {Examples(std::move(x)), std::move(y)};
}

/// n examples of one number, `zeros` of them of class 0, the others of class 1.
inline Split labelled_split(Index n, Index zeros) {
  std::vector<Label> y(static_cast<std::size_t>(n), 1);
  std::fill(y.begin(), y.begin() + zeros, 0);
  return {Examples(Tensor<double>({n, 1})), std::move(y)};
}

}  // namespace lamina
