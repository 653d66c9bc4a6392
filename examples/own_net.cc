// A user-defined net, affine - sine - affine - softmax, which Solver trains to tell three rings of points apart.
#include <cmath>
#include <iostream>
#include <span>
#include <utility>
#include <vector>

#include "lamina/layers/affine.h"
#include "lamina/layers/softmax_loss.h"
#include "lamina/solver/solver.h"

using namespace lamina;

class SineNet {  // meets the concept Model of lamina/nets/net.h
 public:
  using Scalar = float;

  explicit SineNet(RandomState& random) {
    for (const char* name : {"W1", "b1", "W2"})
      for (float& w : params_[name]) w = static_cast<float>(random.randn());
  }
  Parameters<float>& params() { return params_; }
  const Parameters<float>& params() const { return params_; }

  const Tensor<float>& loss(const TensorView<float>& X) {  // returns the scores
    affine_forward(X, params_["W1"], params_["b1"], a_, cache1_);
    h_.resize(a_.shape());
    for (Index i = 0; i < a_.size(); ++i) h_[i] = std::sin(a_[i]);
    affine_forward(h_, params_["W2"], params_["b2"], scores_, cache2_);
    return scores_;
  }
  LossAndGradients<float> loss(const TensorView<float>& X, std::span<const Label> y) {
    const double loss = softmax_loss(this->loss(X), y, &dscores_);
    affine_backward(dscores_, cache2_, &dh_, grads_["W2"], grads_["b2"]);
    for (Index i = 0; i < dh_.size(); ++i) dh_[i] *= std::cos(a_[i]);
    affine_backward<float>(dh_, cache1_, nullptr, grads_["W1"], grads_["b1"]);
    return {loss, grads_};
  }

 private:
  Parameters<float> params_{{{"W1", {2, 32}}, {"b1", {32}}, {"W2", {32, 3}}, {"b2", {3}}}}, grads_{params_.layout()};
  AffineCache<float> cache1_, cache2_;
  Tensor<float> a_, h_, scores_, dscores_, dh_;
};

Split rings(RandomState& random, Index n) {
  Tensor<double> x = random.randn({n, 2});
  std::vector<Label> y;
  for (Index i = 0; i < n; ++i) {
    const double radius = std::hypot(x(i, 0), x(i, 1));
    y.push_back(radius < 0.9 ? 0 : radius < 1.5 ? 1 : 2);
  }
  return {Examples(std::move(x)), std::move(y)};
}

int main() {
  RandomState random(231);
  const SolverData data{rings(random, 2000), rings(random, 500)};
  SineNet net(random);
  SolverOptions options;
  options.update_rule = UpdateRule::adam;
  options.optim_config.learning_rate = 1e-2;
  options.num_epochs = 20;
  options.print_every = 100;
  Solver solver(net, data, options, random);
  solver.train();
  std::cout << "best validation accuracy: " << solver.history().best_val_acc << '\n';
  return solver.history().best_val_acc > 0.9 ? 0 : 1;
}
