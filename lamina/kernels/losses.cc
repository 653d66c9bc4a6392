#include "lamina/kernels/losses.h"

#include <algorithm>
#include <cmath>

#include "lamina/kernels/machine/both_precisions.h"
#include "lamina/kernels/machine/chunks.h"
#include "lamina/kernels/machine/workspace.h"

namespace lamina::kernels {
namespace {

struct SumsOfChunks {};

// The loss of one number and its derivative by the score.
struct LossAndSlope {
  double loss, slope;
};

template <class T, class LossOfOne>
double loss_of_all(Index rows, Index columns, const T* x, const T* t, T* dx, const RowWeights& weights,
                   LossOfOne&& loss_of_one) {
  const Chunks chunks = Chunks::about(1024, rows, columns);
  double* sums = workspace<SumsOfChunks, double>(chunks.count());
  for_chunks(chunks, [&](Index chunk, Index first, Index length) {
    double sum = 0;
    for (Index i = first; i < first + length; ++i) {
      const double divisor = weights.divisor(i) * static_cast<double>(columns);
      double of_row = 0;
      for (Index j = i * columns; j < (i + 1) * columns; ++j) {
        const LossAndSlope one = loss_of_one(static_cast<double>(x[j]), static_cast<double>(t[j]));
        of_row += one.loss;
        if (dx) dx[j] = static_cast<T>(one.slope / divisor);
      }
      sum += weights.of(i) * of_row;
    }
    sums[chunk] = sum;
  });
  double sum = 0;
  for (Index chunk = 0; chunk < chunks.count(); ++chunk) sum += sums[chunk];
  return sum;
}

// The exponential is only taken of a number below 0, so nothing overflows. A factor of 0 is left out, because it would
// turn an infinite score on the right side into NaN.
LossAndSlope sigmoid(double x, double t) {
  const double e = std::exp(-std::abs(x)), wrong = x > 0 ? 1 - t : t;
  return {std::log1p(e) + (wrong == 0 ? 0 : wrong * std::abs(x)), (x >= 0 ? 1 : e) / (1 + e) - t};
}

}  // namespace

template <class T>
double sigmoid_loss(Index rows, Index columns, const T* x, const T* t, T* dx, const RowWeights& weights) {
  return loss_of_all(rows, columns, x, t, dx, weights, sigmoid);
}

template <class T>
double squared_loss(Index rows, Index columns, const T* x, const T* t, T* dx, const RowWeights& weights) {
  return loss_of_all(rows, columns, x, t, dx, weights, [](double x_, double t_) {
    const double d = x_ - t_;
    return LossAndSlope{d * d, 2 * d};
  });
}

template <class T>
double absolute_loss(Index rows, Index columns, const T* x, const T* t, T* dx, const RowWeights& weights) {
  return loss_of_all(rows, columns, x, t, dx, weights, [](double x_, double t_) {
    const double d = x_ - t_;
    return LossAndSlope{std::abs(d), d > 0 ? 1 : d < 0 ? -1 : d};  // NaN stays
  });
}

template <class T>
double huber_loss(Index rows, Index columns, const T* x, const T* t, T* dx, const RowWeights& weights, double delta) {
  return loss_of_all(rows, columns, x, t, dx, weights, [delta](double x_, double t_) {
    const double d = x_ - t_, size = std::abs(d);
    if (size > delta) return LossAndSlope{delta * (size - delta / 2), std::copysign(delta, d)};
    return LossAndSlope{d * d / 2, d};
  });
}

LAMINA_FLOAT_AND_DOUBLE(sigmoid_loss);
LAMINA_FLOAT_AND_DOUBLE(squared_loss);
LAMINA_FLOAT_AND_DOUBLE(absolute_loss);
LAMINA_FLOAT_AND_DOUBLE(huber_loss);

}  // namespace lamina::kernels
