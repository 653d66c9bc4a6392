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

// Whether a gradient counts as more than rounding, beside the largest one of the net.
bool is_meaningful(double g, double largest) { return std::abs(g) > kSmall * largest; }

bool passes(const Errors& errors, bool meaningful) {
  return meaningful ? errors.relative < kRelativeBound : errors.absolute < kAbsoluteBound;
}

// The smallest errors of g, the gradient of entry w of a parameter, over the steps.
Errors errors_of(double& w, double g, bool meaningful, const std::function<double()>& loss) {
  const double old = w;
  Errors best;
  for (const double h : kSteps) {
    w = old + h;
    const double above = loss();
    w = old - h;
    const double below = loss();
    w = old;
    const double numerical = (above - below) / (2 * h), error = std::abs(numerical - g);
    best.absolute = std::min(best.absolute, error);
    best.relative = std::min(best.relative, error / std::max(1e-300, std::abs(numerical) + std::abs(g)));
    if (meaningful ? best.relative < kGood : best.absolute < kAbsoluteBound) break;
  }
  return best;
}

double largest_of(const Parameters<double>& grads) {
  double largest = 0;
  for (const double g : grads.flat()) largest = std::max(largest, std::abs(g));
  return largest;
}

// Whether the gradient of entry i of a parameter is right at two points near by, to which all parameters are moved. If
// it is more than rounding here, points where it is less say nothing.
bool right_nearby(Parameters<double>& params, std::string_view name, Index i, bool meaningful_here,
                  const std::function<double()>& loss, const std::function<const Parameters<double>&()>& gradients) {
  constexpr double kNear = 1e-3;
  constexpr int kPoints = 6, kEnough = 2;
  const Parameters<double> here = params;
  RandomState random(1);
  int agreed = 0;
  bool right = true;
  for (int point = 0; point < kPoints && agreed < kEnough && right; ++point) {
    for (auto& entry : params)
      for (double& w : entry.value) w += kNear * random.randn();
    const Parameters<double>& grads = gradients();
    const double g = grads[name][i];
    const bool meaningful = is_meaningful(g, largest_of(grads));
    right = passes(errors_of(params[name][i], g, meaningful, loss), meaningful);
    if (meaningful || !meaningful_here) ++agreed;
    params.copy_from(here);
  }
  return right && agreed == kEnough;
}

}  // namespace

std::vector<ParameterCheck> check_gradients(Parameters<double>& params, const std::function<double()>& loss,
                                            const std::function<const Parameters<double>&()>& gradients,
                                            RandomState& places, Index entries) {
  const Parameters<double> grads = gradients();
  const double largest = largest_of(grads);
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
      const bool meaningful = is_meaningful(grad[i], largest);
      const Errors errors = errors_of(w[i], grad[i], meaningful, loss);
      if (!passes(errors, meaningful) && right_nearby(params, name, i, meaningful, loss, gradients)) {
        ++check.corners;
      } else if (meaningful) {
        check.relative_error = std::max(check.relative_error, errors.relative);
        check.passed = check.passed && passes(errors, true);
      } else {
        ++check.small;
        check.absolute_error = std::max(check.absolute_error, errors.absolute);
        check.passed = check.passed && passes(errors, false);
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
  const auto gradients = [&]() -> const Parameters<double>& {
    loss();
    return std::as_const(net).grads();
  };
  return check_gradients(net.params(), loss, gradients, places, entries);
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
