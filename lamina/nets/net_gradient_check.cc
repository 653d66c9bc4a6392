#include "lamina/nets/net_gradient_check.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "lamina/check.h"

namespace lamina {
namespace {

constexpr std::array<double, 4> kSteps = {1e-6, 1e-5, 1e-7, 1e-4};
constexpr double kRelativeBound = 1e-4, kAbsoluteBound = 1e-9, kGood = 1e-7, kSmall = 1e-6;

struct Errors {
  double relative = std::numeric_limits<double>::infinity(), absolute = std::numeric_limits<double>::infinity();
};

// Whether the loss has a corner within 1e-6 of entry w of a parameter, and its slopes to both sides of w itself, by a
// step of 1e-8, have g between them.
bool at_corner(double& w, double g, const std::function<double()>& loss) {
  const double old = w, here = loss();
  const auto slopes = [&](double h) {
    w = old + h;
    const double right = (loss() - here) / h;
    w = old - h;
    const double left = (here - loss()) / h;
    w = old;
    return std::pair(std::min(left, right), std::max(left, right));
  };
  const auto [lower, upper] = slopes(1e-6);
  if (upper - lower <= std::max(1e-3 * (std::abs(lower) + std::abs(upper)), 1e-8)) return false;
  const auto [least, most] = slopes(1e-8);
  const double slack = 1e-4 * (std::abs(least) + std::abs(most)) + 1e-7;  // which rounding takes
  return g >= least - slack && g <= most + slack;
}

}  // namespace

std::vector<ParameterCheck> check_gradients(Parameters<double>& params, const Parameters<double>& grads,
                                            const std::function<double()>& loss, RandomState& places, Index entries) {
  double largest = 0;
  for (const double g : grads.flat()) largest = std::max(largest, std::abs(g));

  std::vector<ParameterCheck> checks;
  for (auto& [name, w] : params) {
    ParameterCheck check;
    check.name = name;
    check.shape = w.shape();
    check.checked = std::min(entries, w.size());
    std::vector<Index> at(static_cast<std::size_t>(check.checked));
    if (w.size() <= entries)
      std::iota(at.begin(), at.end(), Index{0});
    else
      places.choice(w.size(), at);
    const TensorView<double>& grad = grads[name];
    for (const Index i : at) {
      const double old = w[i], g = grad[i];
      const bool meaningful = std::abs(g) > kSmall * largest;
      Errors best;
      for (const double h : kSteps) {
        w[i] = old + h;
        const double above = loss();
        w[i] = old - h;
        const double below = loss();
        w[i] = old;
        const double numerical = (above - below) / (2 * h), error = std::abs(numerical - g);
        best.absolute = std::min(best.absolute, error);
        best.relative = std::min(best.relative, error / std::max(1e-300, std::abs(numerical) + std::abs(g)));
        if (meaningful ? best.relative < kGood : best.absolute < kAbsoluteBound) break;
      }
      if ((meaningful ? best.relative >= kRelativeBound : best.absolute >= kAbsoluteBound) &&
          at_corner(w[i], g, loss)) {
        ++check.corners;
      } else if (meaningful) {
        check.relative_error = std::max(check.relative_error, best.relative);
        check.passed = check.passed && best.relative < kRelativeBound;
      } else {
        ++check.small;
        check.absolute_error = std::max(check.absolute_error, best.absolute);
        check.passed = check.passed && best.absolute < kAbsoluteBound;
      }
    }
    checks.push_back(check);
  }
  return checks;
}

std::vector<ParameterCheck> check_net_gradients(Net<double>& net, const TensorView<double>& X, std::span<const Label> y,
                                                RandomState& random, Index entries) {
  const RandomState::State start = random.state();
  RandomState places;
  places.set_state(start);
  // Each pass draws the same dropout masks.
  const auto loss = [&] {
    random.set_state(start);
    return net.loss(X, y).loss;
  };
  loss();
  const Parameters<double> grads = net.grads();
  return check_gradients(net.params(), grads, loss, places, entries);
}

std::vector<ParameterCheck> check_net_gradients(const NetConfig& config, std::uint32_t seed, Index batch_size,
                                                Index entries) {
  if (batch_size < 1 || entries < 1)
    fail("check_net_gradients", "expected a batch size and entries from 1 on, got ", batch_size, " and ", entries);
  RandomState random(seed);
  const auto net = make_net<double>(config, random);
  Tensor<double> X = random.randn(Shape{batch_size, config.input_dim[0], config.input_dim[1], config.input_dim[2]});
  std::vector<Label> y(static_cast<std::size_t>(batch_size));
  for (Label& label : y) label = static_cast<Label>(random.randint(config.num_classes));
  return check_net_gradients(*net, X, y, random, entries);
}

}  // namespace lamina
