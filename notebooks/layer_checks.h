// What the notebooks' checks of layers and nets share: NumPy's linspace, statistics, gradients of whole nets.
#pragma once

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "lamina/gradient_check.h"
#include "lamina/nets/net.h"
#include "lamina/random.h"
#include "lamina/tensor.h"
#include "notebooks/notebook.h"

namespace lamina::reproduce {

using View = const TensorView<double>&;

/// Half a unit of the eighth decimal place, and rounding: the tolerance for arrays as NumPy prints them.
inline constexpr double kPrinted = 5.1e-9;

/// np.linspace(first, last, num=size).reshape(shape)
inline Tensor<double> linspace(double first, double last, const Shape& shape) {
  Tensor<double> x(shape);
  const double step = (last - first) / static_cast<double>(x.size() - 1);
  for (Index i = 0; i < x.size(); ++i) x[i] = static_cast<double>(i) * step + first;
  x[x.size() - 1] = last;
  return x;
}

inline Tensor<double> array(const Shape& shape, const std::vector<double>& values) {
  return Tensor<double>(shape, values);
}

/// scale * x + offset
inline Tensor<double> scaled(Tensor<double> x, double scale, double offset) {
  for (double& value : x) value = scale * value + offset;
  return x;
}

/// np.random.randint(classes, size=N)
inline std::vector<Label> random_labels(RandomState& random, Index classes, Index N) {
  std::vector<Label> y;
  for (Index i = 0; i < N; ++i) y.push_back(static_cast<Label>(random.randint(classes)));
  return y;
}

inline double mean(std::span<const double> x) {
  double sum = 0;
  for (const double value : x) sum += value;
  return sum / static_cast<double>(x.size());
}
inline double deviation(std::span<const double> x) {
  const double centre = mean(x);
  double sum = 0;
  for (const double value : x) sum += (value - centre) * (value - centre);
  return std::sqrt(sum / static_cast<double>(x.size()));
}
inline double max_abs(const std::vector<double>& x) {
  double worst = 0;
  for (const double value : x)
    if (!(std::abs(value) <= worst)) worst = std::abs(value);
  return worst;
}

struct Statistics {
  std::vector<double> means, stds;
};

/// Means and standard deviations of groups of elements: group(i) is that of element i.
template <class Group>
Statistics statistics(View x, Index groups, Group&& group) {
  std::vector<std::vector<double>> members(static_cast<std::size_t>(groups));
  for (Index i = 0; i < x.size(); ++i) members[static_cast<std::size_t>(group(i))].push_back(x[i]);
  Statistics found;
  for (const auto& values : members) {
    found.means.push_back(mean(values));
    found.stds.push_back(deviation(values));
  }
  return found;
}
/// Of the columns of x (N, D), or of its rows.
inline Statistics of_columns(View x) {
  return statistics(x, x.dim(1), [D = x.dim(1)](Index i) { return i % D; });
}
inline Statistics of_rows(View x) {
  return statistics(x, x.dim(0), [D = x.dim(1)](Index i) { return i / D; });
}
/// Of the channels of x (N, C, H, W).
inline Statistics of_channels(View x) {
  const Index C = x.dim(1), HW = x.dim(2) * x.dim(3);
  return statistics(x, C, [C, HW](Index i) { return i / HW % C; });
}

/// On a check of batch normalization at test time, where the notebook printed other values, called `printed`.
std::string test_time_note(std::string_view printed);

/// The shapes of the data, as each notebook prints them.
void data_cell(Cell& cell);

/// What a numerical check found of one parameter.
struct GradientError {
  double relative = 0;  ///< the notebooks' rel_error over the elements with |g| > 1e-6 max |g| of the net
  double absolute = 0;  ///< over the others
  Index counted = 0;    ///< elements with a relative error
  Index others = 0;
};

/// Compares a gradient with central differences of the net's loss, at every `stride`-th element.
GradientError gradient_error(Net<double>& net, const std::string& name, View X, std::span<const Label> y, double h,
                             Index stride = 1);

/// One line and check a parameter, in the order of their names, as the notebooks print "W1 relative error": relative
/// errors below the bound, absolute ones of the elements that are zero beside the others below 1e-9. The values called
/// `printed` are the notebook's errors in the same order.
struct ErrorBound {
  std::string name;
  double bound;
};
void check_gradients(Cell& cell, const std::string& prefix, Net<double>& net, View X, std::span<const Label> y,
                     std::string_view printed, const std::vector<ErrorBound>& bounds);

}  // namespace lamina::reproduce
