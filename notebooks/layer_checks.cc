#include "notebooks/layer_checks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <stdexcept>
#include <utility>

#include "notebooks/printed_values.h"

namespace lamina::reproduce {

void data_cell(Cell& cell) {
  const Dataset& data = cell.notebook().data();
  const Shape shape = data.example_shape();
  for (const auto& [name, split] :
       {std::pair("train", &data.train), std::pair("val", &data.val), std::pair("test", &data.test)}) {
    cell.say("X_", name, fmt::format(":  ({}, {})", split->size(), fmt::join(shape.begin(), shape.end(), ", ")));
    cell.say("y_", name, fmt::format(":  ({},)", split->size()));
  }
}

std::string test_time_note(std::string_view printed) {
  return "NumPy's figures with running averages, which the text asks for. The notebook's output contradicts its text: "
         "it "
         "has those of a batch that is normalized by its own mean and variance, [" +
         printed_text(printed) + "]";
}

GradientError gradient_error(Net<double>& net, const std::string& name, View X, std::span<const Label> y, double h,
                             Index stride) {
  net.loss(X, y);
  const Tensor<double> analytic(net.grads()[name]);
  double largest = 0;
  for (const double g : net.grads().flat()) largest = std::max(largest, std::abs(g));
  TensorView<double>& parameter = net.params()[name];
  GradientError worst;
  for (Index i = 0; i < parameter.size(); i += stride) {
    const auto loss = [&](const TensorView<double>&) { return net.loss(X, y).loss; };
    const double numerical = eval_numerical_gradient(loss, TensorView<double>(&parameter[i], Shape{1}), h)[0];
    const double error = std::abs(numerical - analytic[i]);
    if (!(std::abs(analytic[i]) <= 1e-6 * largest)) {
      const double relative = error / std::max(1e-8, std::abs(numerical) + std::abs(analytic[i]));
      if (!(relative <= worst.relative)) worst.relative = relative;
      ++worst.counted;
    } else {
      if (!(error <= worst.absolute)) worst.absolute = error;
      ++worst.others;
    }
  }
  return worst;
}

void check_gradients(Cell& cell, const std::string& prefix, Net<double>& net, View X, std::span<const Label> y,
                     std::string_view printed, const std::vector<ErrorBound>& bounds) {
  const std::vector<double>& values = printed_values(printed);
  if (values.size() != bounds.size())
    throw std::logic_error(fmt::format("expected {} values called {}", bounds.size(), printed));
  for (std::size_t i = 0; const auto& [name, bound] : bounds) {
    const double value = values[i++];
    const GradientError error = gradient_error(net, name, X, y, 1e-5);
    if (error.counted > 0) {
      cell.shown_as(fmt::format("{} relative error: {:.2e}", name, error.relative));
      cell.below(prefix + name + " relative error", error.relative, bound, value);
    }
    if (error.others == 0) continue;
    cell.shown_as(fmt::format("{} absolute error: {:.2e}", name, error.absolute));
    cell.below(prefix + name + " absolute error", error.absolute, 1e-9, error.counted == 0 ? value : kNotPrinted,
               error.counted == 0 ? "the gradient is zero, since batch normalization subtracts the mean: the notebook "
                                    "compares rounding noise with rounding noise, here the absolute error counts"
                                  : "of the elements whose gradient is below 1e-6 of the net's largest");
  }
}

}  // namespace lamina::reproduce
